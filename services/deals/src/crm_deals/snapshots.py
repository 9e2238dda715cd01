"""The present state of every pipeline and deal, for `republish`."""

from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

from crm_deals.deals import events as deal_events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.repository import to_deal, to_history_entry
from crm_deals.pipelines import events as pipeline_events
from crm_deals.pipelines import repository as pipeline_repository
from crm_deals.pipelines.domain import Pipeline
from crm_deals.value_histories import load_value_histories
from crm_deals.webhooks import events as webhook_events
from crm_deals.webhooks.repository import WEBHOOK_COLUMNS, to_webhook
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Connection, Database
from crm_shared.database.walks import select_pages, walk_pages, walk_rows

SELECT_PIPELINES = select_pages(pipeline_repository.PIPELINE_COLUMNS, "pipelines", "p")
SELECT_DEALS = select_pages(DEAL_COLUMNS, "deals", "d")
SELECT_WEBHOOKS = select_pages(WEBHOOK_COLUMNS, "webhooks", "w")

SELECT_HISTORY = """
    SELECT deal_id, version, from_stage_id, from_stage_name, to_stage_id, to_stage_name, changed_at, changed_by
      FROM deal_stage_history
      JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, deal_id) USING (tenant_id, deal_id)
     ORDER BY deal_id, version
"""

# An archived pipeline's too: its deals are still in them.
SELECT_STAGES = """
    SELECT id, pipeline_id, name, win_probability, kind, rotting_days, position
      FROM stages
     WHERE tenant_id = $1 AND pipeline_id = $2
     ORDER BY position
"""


async def list_snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    """Give every tenant's webhooks and pipelines, then deals with their whole history, page by page."""
    async for tenant_id, row in walk_rows(database, SELECT_WEBHOOKS):
        yield webhook_events.MAPPING.snapshot(to_webhook(row), tenant_id=tenant_id)
    async for tenant_id, row in walk_rows(database, SELECT_PIPELINES):
        async with database.read_as_worker() as connection:
            found = await connection.fetch(SELECT_STAGES, tenant_id, row["id"])
            pipeline = Pipeline(stages=tuple(pipeline_repository.to_stage(stage) for stage in found), **row)
            values = await load_value_histories(
                connection, "pipeline", [(tenant_id, pipeline_events.to_state(pipeline))]
            )
        yield pipeline_events.MAPPING.snapshot(pipeline, tenant_id=tenant_id, value_history=values[pipeline.id])
    async for page in walk_pages(database, SELECT_DEALS):
        deals = [(tenant_id, to_deal(row)) for tenant_id, row in page]
        async with database.read_as_worker() as connection:
            histories = await _load_histories(connection, [(tenant_id, deal.id) for tenant_id, deal in deals])
            values = await load_value_histories(
                connection, "deal", [(tenant_id, deal_events.to_state(deal)) for tenant_id, deal in deals]
            )
        for tenant_id, deal in deals:
            yield deal_events.MAPPING.snapshot(
                deal, tenant_id=tenant_id, history=histories[deal.id], value_history=values[deal.id]
            )


async def _load_histories(
    connection: Connection, deals: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, list[dict[str, Any]]]:
    """Give each deal's entries, oldest first; `deals` are (tenant id, deal id)."""
    histories: dict[UUID, list[dict[str, Any]]] = {deal_id: [] for _, deal_id in deals}
    rows = await connection.fetch(SELECT_HISTORY, [tenant_id for tenant_id, _ in deals], list(histories))
    for row in rows:
        histories[row["deal_id"]].append(to_history_entry(row))
    return histories
