"""Tasks and meetings of deals as activities tells of them, and what deals makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_shared.contracts import Event
from crm_testing.answers import require_ok, walk_pages
from crm_testing.published_records import PublishedRecord

STEPS = ("none", "overdue", "planned")


def to_do(sales: Sales, deal: dict[str, Any], **fields: Any) -> PublishedRecord:
    """Return a task of the REP's about the deal, open and without a date."""
    given = {"type": "TASK", "deal_id": deal["id"], "user_id": sales.tenant.rep.id, "subject": "Call back", **fields}
    return PublishedRecord.new("activity", sales.tenant.id, **given)


def away(**delta: float) -> datetime:
    return datetime.now(UTC) + timedelta(**delta)


async def hear(sales: Sales, *events: Event) -> None:
    await consumers.keep_activity_times(list(events), sales.kit.database)


async def list_by_step(client: httpx.AsyncClient, **filters: Any) -> dict[str, list[str]]:
    """Return the names of the deals that a caller sees by next step, newest first; pages are short."""
    return {
        step: [deal["name"] for deal in await walk_pages(client, "/v1/deals", next_step=step, limit=2, **filters)]
        for step in STEPS
    }


async def read_next(sales: Sales, deal: dict[str, Any], client: httpx.AsyncClient | None = None) -> Any:
    """Return what the board shows as the deal's next activity."""
    board = require_ok(await (client or sales.rep).get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    [shown] = [item for column in board["stages"] for item in column["deals"] if item["id"] == deal["id"]]
    return shown["next_activity"]
