"""SQL that reads companies for the API: one round trip each."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from crm_contacts.companies.domain import CompanyNotFound
from crm_contacts.companies.repository import COMPANY_COLUMNS, LOAD_COMPANIES, LOAD_COMPANY
from crm_contacts.tag_filters import Filters, TagReading, add_tags, by_creation, choose_reading
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import Listed, ListStatement, Page, Rows, select_visible_page

# With the key that the list may be sorted by, which is no part of the answer.
LISTED_COLUMNS = COMPANY_COLUMNS + ", c.name_key"
LISTED = Listed(LISTED_COLUMNS, " FROM companies c WHERE c.tenant_id = $1 AND ", "companies c", "c.owner_id")
# Living companies only stand in company_tags, each beside its owner and in the order of creation.
TAGGED = Listed(
    LISTED_COLUMNS,
    """
      FROM company_tags t
      JOIN companies c ON c.tenant_id = $1 AND c.id = t.company_id
     WHERE t.tenant_id = $1 AND """,
    "companies c",
    "t.owner_id",
)
COUNT_TAGGED = """
    SELECT count(*) FROM (SELECT FROM company_tags t WHERE t.tenant_id = $1 AND t.tag = $2 LIMIT $3) AS found
"""
# A scalar, not EXISTS: that one PostgreSQL would make a join of, and read all that have the tag for the sake of a page.
HAS_TAG = """(
    SELECT true FROM company_tags h
     WHERE h.tenant_id = $1 AND h.tag = {} AND h.created_at = c.created_at AND h.company_id = c.id)"""

SORT_KEYS = ("name_key",)
BY_OWNER = ("created_at", "updated_at", "name")
"""Orders that an index has for each owner."""


async def load_company(connection: Connection, caller: Caller, company_id: UUID) -> dict[str, Any]:
    """Read one company as GET answers it. Raises CompanyNotFound."""
    where = add_visible(Where(caller.tenant_id, company_id), caller, "c.owner_id")
    row = await connection.fetchrow(LOAD_COMPANY + where.sql, *where.parameters)
    if row is None:
        raise CompanyNotFound
    return dict(row)


async def load_companies(
    connection: Connection, caller: Caller, company_ids: Collection[UUID]
) -> dict[UUID, dict[str, Any]]:
    """Read those that the caller sees, each as GET answers it, by id."""
    where = add_visible(Where(caller.tenant_id, list(company_ids)), caller, "c.owner_id")
    rows = await connection.fetch(LOAD_COMPANIES + where.sql, *where.parameters)
    return {row["id"]: dict(row) for row in rows}


async def list_companies(connection: Connection, caller: Caller, filters: Filters, page: Page) -> Rows:
    """Return up to a page's limit + 1 visible companies, each with its `name_key`."""
    reading = await choose_reading(connection, caller.tenant_id, COUNT_TAGGED, filters, page.order)
    return await select_companies(caller, filters, page, reading).fetch(connection)


def select_companies(caller: Caller, filters: Filters, page: Page, reading: TagReading) -> ListStatement:
    listed, by_owner = LISTED, page.order.field_name in BY_OWNER and not filters.is_narrow
    if reading is TagReading.BY_TAG:
        listed, by_owner = TAGGED, by_owner and page.order.field_name == "created_at"
        page = by_creation(page, "t.created_at", "t.company_id")
    where = add_tags(filters, reading, also=HAS_TAG)
    return select_visible_page(listed, where, caller, page, owners=filters.owners, by_owner=by_owner)
