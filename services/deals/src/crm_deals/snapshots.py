"""The present state of every pipeline and deal, for `republish`."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_deals.deals import events as deal_events
from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.repository import to_deal
from crm_deals.pipelines import events as pipeline_events
from crm_deals.pipelines import repository as pipeline_repository
from crm_deals.pipelines.domain import Pipeline
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Connection, Database

PAGE_ROWS = 500

SELECT_PIPELINES = """
    SELECT tenant_id, id, version, name, is_default, archived, created_at, updated_at
      FROM pipelines
     WHERE (tenant_id, id) > ($1, $2)
     ORDER BY tenant_id, id
     LIMIT $3
"""

SELECT_DEALS = (
    "SELECT"
    + DEAL_COLUMNS
    + """, d.tenant_id
      FROM deals d
     WHERE (d.tenant_id, d.id) > ($1, $2)
     ORDER BY d.tenant_id, d.id
     LIMIT $3
"""
)

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
    """Give every tenant's pipelines, then deals with their whole stage history, page by page."""
    async for row in _walk(database, SELECT_PIPELINES):
        async with database.read_as_worker() as connection:
            found = await connection.fetch(SELECT_STAGES, row["tenant_id"], row["id"])
        stages = [pipeline_repository.to_stage(stage) for stage in found]
        fields = {name: row[name] for name in row if name != "tenant_id"}
        yield pipeline_events.snapshot(Pipeline(stages=tuple(stages), **fields), tenant_id=row["tenant_id"])
    async for page in _walk_pages(database, SELECT_DEALS):
        async with database.read_as_worker() as connection:
            histories = await _load_histories(connection, page)
        for row in page:
            deal = to_deal({name: row[name] for name in row if name != "tenant_id"})
            yield deal_events.snapshot(deal, tenant_id=row["tenant_id"], history=histories[deal.id])


async def _walk_pages(database: Database, query: str) -> AsyncIterator[list[dict[str, Any]]]:
    after = (UUID(int=0), UUID(int=0))
    while True:
        async with database.read_as_worker() as connection:
            page = [dict(row) for row in await connection.fetch(query, *after, PAGE_ROWS)]
        if not page:
            return
        yield page
        after = (page[-1]["tenant_id"], page[-1]["id"])


async def _walk(database: Database, query: str) -> AsyncIterator[dict[str, Any]]:
    async for page in _walk_pages(database, query):
        for row in page:
            yield row


async def _load_histories(
    connection: Connection, deals: Sequence[Mapping[str, Any]]
) -> dict[UUID, list[dict[str, Any]]]:
    deal_ids = [deal["id"] for deal in deals]
    histories: dict[UUID, list[dict[str, Any]]] = {deal_id: [] for deal_id in deal_ids}
    for row in await connection.fetch(SELECT_HISTORY, [deal["tenant_id"] for deal in deals], deal_ids):
        histories[row["deal_id"]].append(_to_entry(row))
    return histories


def _to_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    source = {"id": row["from_stage_id"], "name": row["from_stage_name"]} if row["from_stage_id"] else None
    return {
        "version": row["version"],
        "from_stage": source,
        "to_stage": {"id": row["to_stage_id"], "name": row["to_stage_name"]},
        "changed_at": row["changed_at"],
        "changed_by": row["changed_by"],
    }
