"""SQL that locks pairs of contacts, and writes and loads merges."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_contacts.contacts.domain import Contact
from crm_contacts.contacts.repository import CONTACT_COLUMNS, to_contact
from crm_contacts.contacts.rights import Right, find_right
from crm_contacts.merges.domain import Choice, Merge, MergeNotFound
from crm_shared.access import Caller
from crm_shared.access.visibility import governed_by
from crm_shared.database import Connection, RecordTable, Transaction, Where

# In id order, as all lock a pair: two who want the same one never wait for each other in a circle.
FROM_PAIR = """
      FROM contacts c
     WHERE c.tenant_id = $1 AND c.id = ANY($2)
     ORDER BY c.id
       FOR NO KEY UPDATE OF c
"""

FIND_ACTIVE = "SELECT id FROM directory_users WHERE tenant_id = $1 AND id = ANY($2) AND active"

MERGE_TABLE: Final = RecordTable("merges", Merge, alias="m")
LOAD_MERGE = "SELECT" + MERGE_TABLE.columns + "FROM merges m WHERE m.tenant_id = $1 AND m.id = $2"

# With what there was to give back given back, there is no need to keep it.
MARK_UNDONE = "UPDATE merges SET undone_at = $3, undone_by = $4, changed = NULL WHERE tenant_id = $1 AND id = $2"

# By the survivor's version and not by the clock: processes' clocks differ.
FIND_LATER = """
    SELECT m.id
      FROM merges m
     WHERE m.tenant_id = $1 AND m.undone_at IS NULL
       AND ((m.survivor_id = $2 AND m.survivor_version > $3) OR (m.other_id = $2 AND m.other_version > $3))
     ORDER BY m.id DESC
     LIMIT 1
"""

FORGET = """
    UPDATE merges
       SET changed = NULL
     WHERE tenant_id = $1 AND (survivor_id = ANY($2) OR other_id = ANY($2)) AND changed IS NOT NULL
"""

COLUMNS_OF_IDS = ("company_id", "owner_id")


@dataclass(frozen=True, slots=True)
class LockedContact:
    """A contact, living or not, under lock; `right` is the highest that the caller has to it, None for none."""

    contact: Contact
    right: Right | None

    @property
    def is_present(self) -> bool:
        return self.contact.deleted_at is None


async def lock_pair(transaction: Transaction, tenant_id: UUID, *contact_ids: UUID) -> dict[UUID, Contact]:
    """Lock these contacts, living or not, for a worker; one that is absent is left out."""
    rows = await transaction.fetch("SELECT" + CONTACT_COLUMNS + FROM_PAIR, tenant_id, contact_ids)
    return {row["id"]: to_contact(row) for row in rows}


async def lock_pair_for(transaction: Transaction, caller: Caller, *contact_ids: UUID) -> dict[UUID, LockedContact]:
    """Lock these contacts, living or not, and say what the caller may do with each."""
    where = Where(caller.tenant_id, contact_ids)
    governs = ", " + governed_by(where, caller, "c.owner_id") + " AS governs"
    rows = await transaction.fetch("SELECT" + CONTACT_COLUMNS + governs + FROM_PAIR, *where.parameters)
    return {row["id"]: _to_locked(row, caller) for row in rows}


async def list_active(connection: Connection, tenant_id: UUID, user_ids: Collection[UUID]) -> frozenset[UUID]:
    """Return those of the users who are active."""
    rows = await connection.fetch(FIND_ACTIVE, tenant_id, list(user_ids))
    return frozenset(row["id"] for row in rows)


async def insert(transaction: Transaction, tenant_id: UUID, merge: Merge) -> None:
    await transaction.execute(MERGE_TABLE.insert, *MERGE_TABLE.to_row(tenant_id, merge))


async def load(connection: Connection, tenant_id: UUID, merge_id: UUID) -> Merge:
    """Read a merge, whoever asks. Raises MergeNotFound."""
    row = await connection.fetchrow(LOAD_MERGE, tenant_id, merge_id)
    if row is None:
        raise MergeNotFound
    return _to_merge(row)


async def find_later(connection: Connection, tenant_id: UUID, merge: Merge) -> UUID | None:
    """Return the newest merge, not undone, in which the survivor took part since; None without any."""
    found: UUID | None = await connection.fetchval(FIND_LATER, tenant_id, merge.survivor_id, merge.survivor_version)
    return found


async def mark_undone(transaction: Transaction, tenant_id: UUID, merge: Merge) -> None:
    await transaction.execute(MARK_UNDONE, tenant_id, merge.id, merge.undone_at, merge.undone_by)


async def forget(transaction: Transaction, tenant_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """Drop what merges of these contacts know of a person who is being erased: such a merge can't be undone."""
    await transaction.execute(FORGET, tenant_id, contact_ids)


def _to_locked(row: Mapping[str, Any], caller: Caller) -> LockedContact:
    contact = to_contact({name: value for name, value in row.items() if name != "governs"})
    return LockedContact(contact, find_right(contact.shares, caller.user_id, governs=row["governs"]))


def _to_merge(row: Mapping[str, Any]) -> Merge:
    changed = row["changed"]
    return Merge(
        **{
            **row,
            "choices": {field: Choice(choice) for field, choice in row["choices"].items()},
            "changed": changed and {name: _to_values(name, change) for name, change in changed.items()},
        }
    )


def _to_values(name: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Bring what JSON has made text of back to what a contact holds."""
    if name not in COLUMNS_OF_IDS:
        return dict(change)
    return {side: None if value is None else UUID(value) for side, value in change.items()}
