"""SQL that reads contacts for the API: one round trip each."""

from typing import Any
from uuid import UUID

from crm_contacts.contacts.canonical import explain_absence
from crm_contacts.contacts.repository import CONTACT_COLUMNS, FIND_REGION, LOAD_CONTACT
from crm_contacts.tag_filters import Filters, TagReading, add_tags, by_creation, choose_reading
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import Listed, ListStatement, Page, Rows, select_visible_page

# With the keys that the list may be sorted by, which are no part of the answer.
LISTED_COLUMNS = CONTACT_COLUMNS + ", c.name_key, c.surname_key"
LISTED = Listed(
    LISTED_COLUMNS, " FROM contacts c WHERE c.tenant_id = $1 AND ", "contacts c", "c.owner_id", contact_id="c.id"
)
# Living contacts only stand in contact_tags, each beside its owner and in the order of creation.
TAGGED = Listed(
    LISTED_COLUMNS,
    """
      FROM contact_tags t
      JOIN contacts c ON c.tenant_id = $1 AND c.id = t.contact_id
     WHERE t.tenant_id = $1 AND """,
    "contacts c",
    "t.owner_id",
    contact_id="t.contact_id",
)

COUNT_TAGGED = """
    SELECT count(*) FROM (SELECT FROM contact_tags t WHERE t.tenant_id = $1 AND t.tag = $2 LIMIT $3) AS found
"""
# A scalar, not EXISTS: that one PostgreSQL would make a join of, and read all who have the tag for the sake of a page.
HAS_TAG = """(
    SELECT true FROM contact_tags h
     WHERE h.tenant_id = $1 AND h.tag = {} AND h.created_at = c.created_at AND h.contact_id = c.id)"""

SORT_KEYS = ("name_key", "surname_key")
BY_OWNER = ("created_at", "updated_at", "name")
"""Orders that an index has for each owner."""


async def load_contact(connection: Connection, caller: Caller, contact_id: UUID) -> dict[str, Any]:
    """Read one contact as GET answers it. Raises ContactNotFound, which names where a merged one lives on."""
    where = add_visible(Where(caller.tenant_id, contact_id), caller, "c.owner_id", contact_id="c.id")
    row = await connection.fetchrow(LOAD_CONTACT + where.sql, *where.parameters)
    if row is None:
        raise await explain_absence(connection, caller, contact_id)
    return dict(row)


async def list_contacts(connection: Connection, caller: Caller, filters: Filters, page: Page) -> Rows:
    """Return up to a page's limit + 1 visible contacts, each with its sort keys."""
    reading = await choose_reading(connection, caller.tenant_id, COUNT_TAGGED, filters, page.order)
    return await select_contacts(caller, filters, page, reading).fetch(connection)


def select_contacts(caller: Caller, filters: Filters, page: Page, reading: TagReading) -> ListStatement:
    listed, by_owner = LISTED, page.order.field_name in BY_OWNER and not filters.is_narrow
    if reading is TagReading.BY_TAG:
        listed, by_owner = TAGGED, by_owner and page.order.field_name == "created_at"
        page = by_creation(page, "t.created_at", "t.contact_id")
    where = add_tags(filters, reading, also=HAS_TAG)
    return select_visible_page(listed, where, caller, page, owners=filters.owners, by_owner=by_owner)


async def load_region(connection: Connection, caller: Caller) -> str:
    """Return the country of the tenant's phone numbers that name none."""
    return str(await connection.fetchval(FIND_REGION, caller.tenant_id))
