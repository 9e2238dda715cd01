"""The present state of every webhook and pipeline, then of deals with their whole history."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from crm_deals.deals import events as deal_events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.repository import to_deal, to_history_entry
from crm_deals.pipelines import events as pipeline_events
from crm_deals.pipelines import repository as pipeline_repository
from crm_deals.pipelines.domain import Pipeline, to_default_id
from crm_deals.value_histories import load_value_histories
from crm_deals.webhooks import events as webhook_events
from crm_deals.webhooks.repository import WEBHOOK_COLUMNS, to_webhook
from crm_shared.contracts import Event, OutboxEvent
from crm_shared.database import Connection
from crm_shared.database.walks import Page
from crm_shared.snapshots.sources import SnapshotSource, delete_at

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


async def snapshot_webhooks(_connection: Connection, rows: Page) -> list[OutboxEvent]:
    return [webhook_events.MAPPING.snapshot(to_webhook(row), tenant_id=tenant_id) for tenant_id, row in rows]


async def snapshot_pipelines(connection: Connection, rows: Page) -> list[OutboxEvent]:
    """Tell of pipelines with the dated values of their stages."""
    events: list[OutboxEvent] = []
    for tenant_id, row in rows:
        found = await connection.fetch(SELECT_STAGES, tenant_id, row["id"])
        pipeline = Pipeline(stages=tuple(pipeline_repository.to_stage(stage) for stage in found), **row)
        values = await load_value_histories(connection, "pipeline", [(tenant_id, pipeline_events.to_state(pipeline))])
        events.append(
            pipeline_events.MAPPING.snapshot(pipeline, tenant_id=tenant_id, value_history=values[pipeline.id])
        )
    return events


async def find_default_pipelines(_connection: Connection, lost: Sequence[Event]) -> set[tuple[UUID, UUID]]:
    """Return the first pipelines of tenants: each gets its own again, as soon as it is heard of again."""
    keys = {(event.tenant_id, event.aggregate_id) for event in lost}
    return {(tenant_id, pipeline_id) for tenant_id, pipeline_id in keys if pipeline_id == to_default_id(tenant_id)}


async def snapshot_deals(connection: Connection, rows: Page) -> list[OutboxEvent]:
    """Tell of deals with their whole history."""
    deals = [(tenant_id, to_deal(row)) for tenant_id, row in rows]
    histories = await _load_histories(connection, [(tenant_id, deal.id) for tenant_id, deal in deals])
    values = await load_value_histories(
        connection, "deal", [(tenant_id, deal_events.to_state(deal)) for tenant_id, deal in deals]
    )
    return [
        deal_events.MAPPING.snapshot(
            deal, tenant_id=tenant_id, history=histories[deal.id], value_history=values[deal.id]
        )
        for tenant_id, deal in deals
    ]


async def _load_histories(
    connection: Connection, deals: Sequence[tuple[UUID, UUID]]
) -> dict[UUID, list[dict[str, Any]]]:
    """Return each deal's entries, oldest first; `deals` are (tenant id, deal id)."""
    histories: dict[UUID, list[dict[str, Any]]] = {deal_id: [] for _, deal_id in deals}
    rows = await connection.fetch(SELECT_HISTORY, [tenant_id for tenant_id, _ in deals], list(histories))
    for row in rows:
        histories[row["deal_id"]].append(to_history_entry(row))
    return histories


SOURCES: Final = (
    SnapshotSource("webhook", "webhooks", "w", WEBHOOK_COLUMNS, snapshot_webhooks),
    SnapshotSource(
        *("pipeline", "pipelines", "p", pipeline_repository.PIPELINE_COLUMNS, snapshot_pipelines),
        # Reports would take it where none is named.
        end=lambda _moment: {"archived": True, "is_default": False},
        find_made_again=find_default_pipelines,
    ),
    SnapshotSource("deal", "deals", "d", DEAL_COLUMNS, snapshot_deals, end=delete_at),
)
