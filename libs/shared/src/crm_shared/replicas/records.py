"""Replica rows: from a record's whole state, kept by version, so that any event may come again or late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_shared.access.shares import SharesOfContact, list_shares, replace_shares
from crm_shared.contracts import Event
from crm_shared.contracts.states import STATE_MODELS, ContactState, SharePermission, State
from crm_shared.database import Transaction

# One row a record: the batch's newest version, since one statement may not touch a row twice.
UPSERT = """
    INSERT INTO replica_records AS r (tenant_id, aggregate, id, version, name, owner_id, company_id, contact_id,
                                      is_deleted, merged_into)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::uuid[],
                         $8::uuid[], $9::boolean[], $10::uuid[])
    ON CONFLICT (tenant_id, aggregate, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, owner_id = excluded.owner_id,
           company_id = excluded.company_id, contact_id = excluded.contact_id, is_deleted = excluded.is_deleted,
           merged_into = excluded.merged_into
     WHERE r.version < excluded.version
    RETURNING r.tenant_id, r.aggregate, r.id
"""


# Into what a contact was merged stays known: who followed it would else come back to it.
END = """
    INSERT INTO replica_records AS r (tenant_id, aggregate, id, version, name, is_deleted)
    SELECT *, '', true FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
    ON CONFLICT (tenant_id, aggregate, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, is_deleted = excluded.is_deleted
     WHERE r.version < excluded.version
    RETURNING r.tenant_id, r.aggregate, r.id
"""


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """`name` is what a person would call it; `company_id`, `contact_id` and `merged_into` where its type has them.

    `shares` are a contact's, as its state tells them; they are kept in `contact_shares`, so a row read has none.
    Not `is_whole`: all that is known is that the record is gone.
    """

    tenant_id: UUID
    aggregate: str
    id: UUID
    version: int
    name: str
    owner_id: UUID | None
    company_id: UUID | None
    contact_id: UUID | None
    is_deleted: bool
    merged_into: UUID | None = None
    shares: Sequence[tuple[UUID, SharePermission]] = ()
    is_whole: bool = True


def full_name(state: Mapping[str, Any]) -> str:
    """Call a contact by name, else by e-mail or phone."""
    names = [state.get("first_name"), state.get("last_name")]
    return " ".join(name for name in names if name) or state.get("email") or state.get("phone") or ""


def from_state(tenant_id: UUID, state: State) -> ReplicaRecord:
    """Make the row of a contact, company or deal."""
    contact = state if isinstance(state, ContactState) else None
    return ReplicaRecord(
        tenant_id=tenant_id,
        aggregate=state.aggregate,
        id=state.id,
        version=state.version,
        name=full_name(state.model_dump()) if contact is not None else getattr(state, "name", ""),
        owner_id=getattr(state, "owner_id", None),
        company_id=getattr(state, "company_id", None),
        contact_id=getattr(state, "contact_id", None),
        is_deleted=getattr(state, "deleted_at", None) is not None,
        merged_into=None if contact is None else contact.merged_into,
        shares=() if contact is None else list_shares(contact),
    )


def from_event(event: Event) -> ReplicaRecord:
    """Make the row that an event tells of. Raises BadRecord when its state is not whole, unless it tells of its end."""
    state = event.read_unless_over(STATE_MODELS[event.aggregate])
    if state is not None:
        return from_state(event.tenant_id, state)
    key = (event.tenant_id, event.aggregate, event.aggregate_id, event.version)
    return ReplicaRecord(
        *key, name="", owner_id=None, company_id=None, contact_id=None, is_deleted=True, is_whole=False
    )


async def save_records(transaction: Transaction, records: Sequence[ReplicaRecord]) -> None:
    """Write what is newer than the replica, and the shares of the contacts among it; the rest changes nothing.

    Two round trips at most. The second must not begin before the first has the rows' locks.
    """
    newest: dict[tuple[UUID, str, UUID], ReplicaRecord] = {}
    for record in records:
        key = (record.tenant_id, record.aggregate, record.id)
        if key not in newest or newest[key].version < record.version:
            newest[key] = record
    rows = [newest[key] for key in sorted(newest) if newest[key].is_whole]  # one lock order for all batches
    written = await _end(transaction, [newest[key] for key in sorted(newest) if not newest[key].is_whole])
    written += await transaction.fetch(
        UPSERT,
        [row.tenant_id for row in rows],
        [row.aggregate for row in rows],
        [row.id for row in rows],
        [row.version for row in rows],
        [row.name for row in rows],
        [row.owner_id for row in rows],
        [row.company_id for row in rows],
        [row.contact_id for row in rows],
        [row.is_deleted for row in rows],
        [row.merged_into for row in rows],
    )
    contacts = [newest[key] for key in sorted(tuple(row) for row in written) if key[1] == "contact"]
    await replace_shares(transaction, [SharesOfContact(row.tenant_id, row.id, row.shares) for row in contacts])


async def _end(transaction: Transaction, rows: Sequence[ReplicaRecord]) -> list[Any]:
    """Mark what is gone and no more is known of; give the keys of what was not known to be. Hardly ever any."""
    if not rows:
        return []
    ended = await transaction.fetch(
        END,
        [row.tenant_id for row in rows],
        [row.aggregate for row in rows],
        [row.id for row in rows],
        [row.version for row in rows],
    )
    return list(ended)
