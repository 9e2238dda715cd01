"""SQL that reads deals for the API: one round trip each."""

from datetime import datetime
from typing import Any
from uuid import UUID

from crm_deals.deals.columns import DEAL_COLUMNS
from crm_deals.deals.domain import DealNotFound
from crm_deals.deals.next_steps import CONDITIONS, NextStep
from crm_deals.deals.repository import to_history_entry
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import (
    Listed,
    ListStatement,
    Page,
    merge_parts,
    select_visible,
    select_visible_page,
    to_halves,
)

LISTED_DEALS = Listed(
    DEAL_COLUMNS,
    """
      FROM deals d
     WHERE d.tenant_id = $1 AND d.deleted_at IS NULL AND """,
    "deals d",
    "d.owner_id",
    "d.contact_id",
)
SELECT_DEALS = LISTED_DEALS.select

# Time in a stage runs to the next entry, and for the last one until now: together they are the deal's age.
SELECT_HISTORY = """
    SELECT * FROM (
    SELECT h.deal_id AS id, h.version, h.from_stage_id, h.from_stage_name, h.to_stage_id, h.to_stage_name,
           h.changed_at, h.changed_by,
           floor(extract(epoch FROM COALESCE(lead(h.changed_at) OVER (ORDER BY h.version), $3) - d.created_at))::bigint
             - floor(extract(epoch FROM h.changed_at - d.created_at))::bigint AS seconds_in_stage
      FROM deal_stage_history h
      JOIN deals d ON d.tenant_id = h.tenant_id AND d.id = h.deal_id
     WHERE h.tenant_id = $1 AND h.deal_id = $2
    ) AS entries
     WHERE version > $4
     ORDER BY version
     LIMIT $5
"""


async def load_deal(connection: Connection, caller: Caller, deal_id: UUID) -> dict[str, Any]:
    """Read one deal as GET answers it. Raises DealNotFound."""
    where = Where(caller.tenant_id).add("d.id = {}", deal_id)
    add_visible(where, caller, "d.owner_id", contact_id="d.contact_id")
    row = await connection.fetchrow(SELECT_DEALS + where.sql, *where.parameters)
    if row is None:
        raise DealNotFound
    return dict(row)


def select_deals(caller: Caller, filters: Where, page: Page) -> ListStatement:
    """Return a page of the deals that the caller sees. `filters` begins with the tenant as $1."""
    return select_visible_page(LISTED_DEALS, filters, caller, page, by_owner=_is_by_owner(filters, page))


def select_deals_by_next_step(
    caller: Caller, filters: Where, page: Page, step: NextStep, *, now: datetime
) -> ListStatement:
    """Return a page of the open deals that the caller sees, whose next step is `step` at `now`."""
    by_owner = _is_by_owner(filters, page)

    def to_sql(where: Where, count: str) -> str:
        conditions = CONDITIONS[step]
        moment = where.number(now) if any("{now}" in condition.sql for condition in conditions) else ""
        pages = []
        for condition in conditions:
            part, owners_pages = (
                where.fork().add_sql(condition.sql.format(now=moment)),
                by_owner and not condition.is_by_id,
            )
            pages.append(select_visible(LISTED_DEALS, part, caller, page.order, count, by_owner=owners_pages))
        return merge_parts(pages, page.order, count)

    return to_halves(filters, page, to_sql)


def _is_by_owner(filters: Where, page: Page) -> bool:
    return page.order.field_name == "created_at" and filters.sql == "true"


async def list_history(
    connection: Connection, caller: Caller, deal_id: UUID, *, now: datetime, page: Page
) -> list[dict[str, Any]]:
    """Return up to a page's limit + 1 entries, oldest first. Raises DealNotFound."""
    await load_deal(connection, caller, deal_id)
    rows = await connection.fetch(
        SELECT_HISTORY,
        caller.tenant_id,
        deal_id,
        now,
        page.value_after(first=0),
        page.limit + 1,
    )
    return [{**to_history_entry(row), "seconds_in_stage": row["seconds_in_stage"]} for row in rows]
