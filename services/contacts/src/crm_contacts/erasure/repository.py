"""SQL that locks what is to be erased."""

from collections.abc import Sequence
from uuid import UUID

from crm_contacts.contacts.domain import Contact
from crm_contacts.contacts.repository import CONTACT_COLUMNS, FOR_UPDATE, to_contact
from crm_shared.database import Connection, Transaction

# Up to the contact that survived, and from there down to all that were merged into it: one person, by what the
# tenant's people said of them.
FIND_PERSON = """
    WITH RECURSIVE survivors AS (
        SELECT id, merged_into FROM contacts WHERE tenant_id = $1 AND id = $2
        UNION
        SELECT c.id, c.merged_into FROM contacts c JOIN survivors s ON c.tenant_id = $1 AND c.id = s.merged_into
    ), members AS (
        SELECT id FROM survivors
        UNION
        SELECT c.id FROM contacts c JOIN members m ON c.tenant_id = $1 AND c.merged_into = m.id
    )
    SELECT id FROM members
"""

FIND_UNMERGED = """
    SELECT CASE WHEN survivor_id = ANY ($2) THEN other_id ELSE survivor_id END AS id
      FROM merges
     WHERE tenant_id = $1 AND undone_at IS NOT NULL AND (survivor_id = ANY ($2) OR other_id = ANY ($2))
"""

LOCK_CONTACTS = (
    "SELECT"
    + CONTACT_COLUMNS
    + """, c.tenant_id
      FROM contacts c
      JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (tenant_id, id) USING (tenant_id, id)
     ORDER BY c.tenant_id, c.id"""
    + FOR_UPDATE
)


async def lock_person(transaction: Transaction, tenant_id: UUID, contact_id: UUID) -> list[Contact]:
    """Lock the contact and all that merges made one with it, deleted ones included; empty when it is not there.

    A merge that commits while we wait for a lock may bring in another. With all of them locked none can.
    """
    locked: list[Contact] = []
    while True:
        found = {row["id"] for row in await transaction.fetch(FIND_PERSON, tenant_id, contact_id)}
        if found == {member.id for member in locked}:
            return locked
        rows = await lock_contacts(transaction, [(tenant_id, member_id) for member_id in sorted(found)])
        locked = [contact for _, contact in rows]


async def lock_contacts(connection: Connection, keys: Sequence[tuple[UUID, UUID]]) -> list[tuple[UUID, Contact]]:
    """Lock contacts by (tenant id, id), in that order; give those that are there, each with its tenant id."""
    rows = await connection.fetch(
        LOCK_CONTACTS, [tenant_id for tenant_id, _ in keys], [record_id for _, record_id in keys]
    )
    return [
        (row["tenant_id"], to_contact({name: value for name, value in row.items() if name != "tenant_id"}))
        for row in rows
    ]


async def list_unmerged(connection: Connection, tenant_id: UUID, contact_ids: Sequence[UUID]) -> list[UUID]:
    """Return those who were one with these contacts for a while, until their merge was undone."""
    return [row["id"] for row in await connection.fetch(FIND_UNMERGED, tenant_id, contact_ids)]
