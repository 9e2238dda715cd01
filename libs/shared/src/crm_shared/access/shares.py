"""Shares of contacts, the same table in every service: who may see or change a contact that is not theirs.

In contacts it follows the contact's own row; elsewhere it is a replica, kept by the contact's version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from crm_shared.contracts.states import ContactState, SharePermission
from crm_shared.database import Connection
from crm_shared.database.rls import protect

# By user first: sight asks for a user's contacts. Only shares that count stand here, so none of a deleted contact.
_TABLE = """
    CREATE TABLE contact_shares (
        tenant_id  uuid NOT NULL,
        user_id    uuid NOT NULL,
        contact_id uuid NOT NULL,
        permission text NOT NULL CHECK (permission IN ('READ', 'WRITE')),
        PRIMARY KEY (tenant_id, user_id, contact_id)
    );
    CREATE INDEX contact_shares_by_contact ON contact_shares (tenant_id, contact_id);
"""

# A share that is there as it should be is not written again: not even its row's version changes.
REPLACE_SHARES = """
    WITH wanted AS (
        SELECT * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[])
                      AS share (tenant_id, user_id, contact_id, permission)
    ), gone AS (
        DELETE FROM contact_shares s
         USING unnest($1::uuid[], $2::uuid[]) AS contact (tenant_id, id)
         WHERE s.tenant_id = contact.tenant_id AND s.contact_id = contact.id
           AND NOT EXISTS (SELECT FROM wanted w
                            WHERE (w.tenant_id, w.user_id, w.contact_id) = (s.tenant_id, s.user_id, s.contact_id))
    )
    INSERT INTO contact_shares AS s (tenant_id, user_id, contact_id, permission)
    SELECT tenant_id, user_id, contact_id, permission FROM wanted ORDER BY 1, 2, 3
    ON CONFLICT (tenant_id, user_id, contact_id) DO UPDATE
       SET permission = excluded.permission
     WHERE s.permission <> excluded.permission
"""


@dataclass(frozen=True, slots=True)
class SharesOfContact:
    """Every share of one contact that counts, as (user id, permission)."""

    tenant_id: UUID
    contact_id: UUID
    shares: Sequence[tuple[UUID, SharePermission]]


def shares_ddl(service: str) -> str:
    """Return the SQL for the migration of `service` that brings shares."""
    return _TABLE + protect("contact_shares", service=service)


def list_shares(state: ContactState) -> list[tuple[UUID, SharePermission]]:
    """Return the shares that count: none of a contact that is deleted or merged away."""
    if state.deleted_at is not None:
        return []
    return [(share.user_id, share.permission) for share in state.shares]


async def replace_shares(connection: Connection, contacts: Sequence[SharesOfContact]) -> None:
    """Make these contacts' shares what they are now, in one round trip.

    For a statement after the one that took these versions of the contacts in and holds their rows' locks: it sees
    what an earlier holder has written.
    """
    if not contacts:
        return
    rows = [(one.tenant_id, user_id, one.contact_id, right) for one in contacts for user_id, right in one.shares]
    await connection.execute(
        REPLACE_SHARES,
        [one.tenant_id for one in contacts],
        [one.contact_id for one in contacts],
        *([row[column] for row in rows] for column in range(4)),
    )
