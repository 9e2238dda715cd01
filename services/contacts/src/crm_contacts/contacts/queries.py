"""SQL that reads contacts for the API: one round trip each."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_contacts.contacts.domain import ContactNotFound
from crm_contacts.contacts.repository import CONTACT_COLUMNS, FIND_REGION, LOAD_CONTACT
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

# With the key that the list may be sorted by, which is no part of the answer.
SELECT_CONTACTS = (
    "SELECT"
    + CONTACT_COLUMNS
    + """, c.name_key
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.deleted_at IS NULL AND """
)


async def load_contact(connection: Connection, caller: Caller, contact_id: UUID) -> dict[str, Any]:
    """Read one contact as GET answers it. Raises ContactNotFound."""
    where = add_visible(Where(caller.tenant_id, contact_id), caller, "c.owner_id")
    row = await connection.fetchrow(LOAD_CONTACT + where.sql, *where.parameters)
    if row is None:
        raise ContactNotFound
    return dict(row)


async def list_contacts(
    connection: Connection, caller: Caller, filters: Where, *, order: Order, cursor: str | None, limit: int
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 visible contacts, each with its `name_key`. `filters` begins with the tenant as $1."""
    where = order.add_after(add_visible(filters, caller, "c.owner_id"), cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_CONTACTS + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]


async def load_region(connection: Connection, caller: Caller) -> str:
    """Give the country of the tenant's phone numbers that name none."""
    return str(await connection.fetchval(FIND_REGION, caller.tenant_id))


def to_items(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the rows as the list answers them, without the key that they may be sorted by."""
    return [{name: row[name] for name in row if name != "name_key"} for row in rows]
