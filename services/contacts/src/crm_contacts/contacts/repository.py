"""SQL that writes and loads contacts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_contacts.contacts.canonical import explain_absence
from crm_contacts.contacts.domain import Contact, ContactNotFound
from crm_contacts.contacts.rights import Right, find_right, require_right
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible, governed_by
from crm_shared.database import Connection, RecordTable, Transaction, Where
from crm_shared.features.custom_fields.columns import CONTACT_CUSTOM_DATA

CONTACT_TABLE: Final = RecordTable("contacts", Contact, alias="c", selected={"custom_data": CONTACT_CUSTOM_DATA})
CONTACT_COLUMNS: Final = CONTACT_TABLE.columns

# No row comes back when another contact has the address or the external id: that must not end the transaction.
INSERT_CONTACT = CONTACT_TABLE.insert + " ON CONFLICT DO NOTHING RETURNING id"

FROM_ANY_CONTACT = """
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.id = $2 AND """
FROM_CONTACT = FROM_ANY_CONTACT + "c.deleted_at IS NULL AND "
LOAD_CONTACT = "SELECT" + CONTACT_COLUMNS + FROM_CONTACT
# Locked before the outbox insert: outbox order is then version order for this contact.
FOR_UPDATE = " FOR NO KEY UPDATE OF c"

FIND_REGION = "SELECT default_region FROM directory_tenants WHERE tenant_id = $1"


async def insert(transaction: Transaction, tenant_id: UUID, contact: Contact) -> bool:
    """Write a new contact. False, and nothing written, when another one has its e-mail address or external id."""
    return await transaction.fetchval(INSERT_CONTACT, *CONTACT_TABLE.to_row(tenant_id, contact)) is not None


async def save(transaction: Transaction, tenant_id: UUID, contact: Contact) -> None:
    """Write all of a contact that is there. Raises asyncpg's UniqueViolationError when another has a value of it."""
    await transaction.execute(CONTACT_TABLE.update, *CONTACT_TABLE.to_row(tenant_id, contact))


async def load_for_update(
    transaction: Transaction, caller: Caller, contact_id: UUID, right: Right = Right.WRITE
) -> Contact:
    """Lock the contact.

    Raises ContactNotFound when it is absent, deleted or out of the caller's sight, Forbidden when they see it but
    `right` is more than they have.
    """
    return await _lock(transaction, caller, contact_id, FROM_CONTACT, right)


async def load_any_for_update(transaction: Transaction, caller: Caller, contact_id: UUID) -> Contact:
    """Lock the contact, deleted or not, for whom it is to govern.

    Raises ContactNotFound when it is absent or out of the caller's sight, Forbidden when they only have a share.
    """
    return await _lock(transaction, caller, contact_id, FROM_ANY_CONTACT, Right.GOVERN)


async def _lock(
    transaction: Transaction, caller: Caller, contact_id: UUID, from_contact: LiteralString, right: Right
) -> Contact:
    where = add_visible(Where(caller.tenant_id, contact_id), caller, "c.owner_id", contact_id="c.id")
    governs = ", " + governed_by(where, caller, "c.owner_id") + " AS governs"
    row = await transaction.fetchrow(
        "SELECT" + CONTACT_COLUMNS + governs + from_contact + where.sql + FOR_UPDATE, *where.parameters
    )
    if row is None:
        raise await explain_absence(transaction, caller, contact_id)
    # Off the locked row once more: a statement that has waited for the lock sees the row's newest version, but other
    # tables, contact_shares among them, as they were before the wait.
    held = find_right(row["shares"], caller.user_id, governs=row["governs"])
    if held is None:
        raise ContactNotFound
    require_right(held, right)
    return to_contact({name: value for name, value in row.items() if name != "governs"})


LOCK_MANY = """
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND c.deleted_at IS NULL
     ORDER BY c.id  -- two that want the same rows wait for each other in turn
       FOR NO KEY UPDATE OF c
"""


@dataclass(frozen=True, slots=True)
class LockedContact:
    """`email_key`: the address as addresses are compared. `governs`: by ownership; shares are the contact's own."""

    contact: Contact
    email_key: str | None
    governs: bool


async def lock_many(transaction: Transaction, caller: Caller, contact_ids: Collection[UUID]) -> Sequence[LockedContact]:
    """Lock those that are there, in sight or not."""
    if not contact_ids:
        return []
    where = Where(caller.tenant_id, list(contact_ids))
    more = ", c.email_key, " + governed_by(where, caller, "c.owner_id") + " AS governs"
    locked = []
    for row in await transaction.fetch("SELECT" + CONTACT_COLUMNS + more + LOCK_MANY, *where.parameters):
        columns = dict(row)
        email_key, governs = columns.pop("email_key"), columns.pop("governs")
        locked.append(LockedContact(to_contact(columns), email_key, governs))
    return locked


async def load_region(connection: Connection, tenant_id: UUID) -> str:
    """Return the country of the tenant's phone numbers that name none."""
    return str(await connection.fetchval(FIND_REGION, tenant_id))


def to_contact(row: Mapping[str, Any]) -> Contact:
    return Contact(**{**row, "tags": tuple(row["tags"])})
