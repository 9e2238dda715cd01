"""SQL that reads shares for the API."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_contacts.contacts.queries import load_contact
from crm_contacts.sharing.rules import ShareNotFound
from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.listing import ListStatement, Page, select_page

# From the contact's own state, which says more than contact_shares: those are for sight alone.
SELECT_SHARES = """
    SELECT s.contact_id, s.user_id AS id, s.user_id, u.full_name, s.permission, s.created_at, s.created_by
      FROM (SELECT c.tenant_id, c.id AS contact_id, share.user_id, share.permission, share.created_by,
                   COALESCE(share.created_at, c.created_at) AS created_at  -- never null, as pages are cut by it
              FROM contacts c
             CROSS JOIN LATERAL jsonb_to_recordset(c.shares)
                                AS share (user_id uuid, permission text, created_at timestamptz, created_by uuid)
             WHERE c.tenant_id = $1 AND c.id = $2) s
      JOIN directory_users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
     WHERE """

FIND_ACTIVE_NAME = "SELECT u.full_name FROM directory_users u WHERE u.tenant_id = $1 AND u.id = $2 AND u.active"


async def find_active_name(connection: Connection, caller: Caller, user_id: UUID) -> str | None:
    """Return the full name of an active user of the caller's tenant."""
    full_name: str | None = await connection.fetchval(FIND_ACTIVE_NAME, caller.tenant_id, user_id)
    return full_name


def select_shares(caller: Caller, contact_id: UUID, page: Page) -> ListStatement:
    """Return a page of shares, each with its user's id as `id`. Who sees a contact sees its shares."""
    return select_page(SELECT_SHARES, Where(caller.tenant_id, contact_id), page)


async def load_share(connection: Connection, caller: Caller, contact_id: UUID, user_id: UUID) -> dict[str, Any]:
    """Read one share. Raises ContactNotFound, ShareNotFound."""
    await load_contact(connection, caller, contact_id)
    where = Where(caller.tenant_id, contact_id).add("s.user_id = {}", user_id)
    row = await connection.fetchrow(SELECT_SHARES + where.sql, *where.parameters)
    if row is None:
        raise ShareNotFound
    return to_share(row)


def to_share(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as it is answered: without the id that pages are cut by."""
    return {name: value for name, value in row.items() if name != "id"}
