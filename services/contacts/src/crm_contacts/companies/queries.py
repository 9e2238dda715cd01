"""SQL that reads companies for the API: one round trip each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_contacts.companies.domain import CompanyNotFound
from crm_contacts.companies.filters import is_narrow
from crm_contacts.companies.repository import COMPANY_COLUMNS, LOAD_COMPANY
from crm_contacts.companies.schemas import CompanyList
from crm_contacts.tag_filters import TagReading, add_tags, by_creation, choose_reading
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order
from crm_shared.http.pages import Listed, Page, fetch_visible

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


async def list_companies(
    connection: Connection, caller: Caller, query: CompanyList, filters: Where, order: Order
) -> Sequence[Mapping[str, Any]]:
    """Give up to `query.limit` + 1 visible companies, each with its `name_key`. `filters` begins with the tenant as $1.

    `filters` (but for the owners' and the tags', which are added here) and `order` were made of `query`.
    """
    by_owner = order.name.removeprefix("-") in BY_OWNER and not is_narrow(query)
    listed, page = LISTED, Page(order, query.cursor, query.limit)
    reading = await choose_reading(connection, caller.tenant_id, COUNT_TAGGED, query, order)
    if reading is TagReading.BY_TAG:
        listed, by_owner = TAGGED, by_owner and order.field.column == "c.created_at"
        page = replace(page, order=by_creation(order, "t.created_at", "t.company_id"))
    add_tags(filters, query.tag, reading, also=HAS_TAG)
    return await fetch_visible(connection, listed, filters, caller, page, owners=query.owner_id, by_owner=by_owner)
