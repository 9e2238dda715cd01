"""Replica rows: from a record's whole state, kept by version, so that any event may come again or late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_shared.contracts import Event
from crm_shared.contracts.states import STATE_MODELS, ContactState, State
from crm_shared.database import Connection

# One row a record: the batch's newest version, since one statement may not touch a row twice.
UPSERT = """
    INSERT INTO replica_records AS r (tenant_id, aggregate, id, version, name, owner_id, company_id, contact_id,
                                      is_deleted)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::uuid[],
                         $8::uuid[], $9::boolean[])
    ON CONFLICT (tenant_id, aggregate, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, owner_id = excluded.owner_id,
           company_id = excluded.company_id, contact_id = excluded.contact_id, is_deleted = excluded.is_deleted
     WHERE r.version < excluded.version
"""


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """`name` is what a person would call it; `company_id` and `contact_id` where its type has them."""

    tenant_id: UUID
    aggregate: str
    id: UUID
    version: int
    name: str
    owner_id: UUID | None
    company_id: UUID | None
    contact_id: UUID | None
    is_deleted: bool


def full_name(state: Mapping[str, Any]) -> str:
    """Call a contact by name, else by e-mail or phone."""
    names = [state.get("first_name"), state.get("last_name")]
    return " ".join(name for name in names if name) or state.get("email") or state.get("phone") or ""


def from_state(tenant_id: UUID, state: State) -> ReplicaRecord:
    """Make the row of a contact, company or deal."""
    is_contact = isinstance(state, ContactState)
    return ReplicaRecord(
        tenant_id=tenant_id,
        aggregate=state.aggregate,
        id=state.id,
        version=state.version,
        name=full_name(state.model_dump()) if is_contact else getattr(state, "name", ""),
        owner_id=getattr(state, "owner_id", None),
        company_id=getattr(state, "company_id", None),
        contact_id=getattr(state, "contact_id", None),
        is_deleted=getattr(state, "deleted_at", None) is not None,
    )


def from_event(event: Event) -> ReplicaRecord:
    """Make the row that an event tells of. Raises BadRecord when its state is not whole."""
    return from_state(event.tenant_id, event.read(STATE_MODELS[event.aggregate]))


async def save_records(connection: Connection, records: Sequence[ReplicaRecord]) -> None:
    """Write what is newer than the replica, in one round trip; the rest changes nothing."""
    newest: dict[tuple[UUID, str, UUID], ReplicaRecord] = {}
    for record in records:
        key = (record.tenant_id, record.aggregate, record.id)
        if key not in newest or newest[key].version < record.version:
            newest[key] = record
    rows = [newest[key] for key in sorted(newest)]  # one lock order for all batches
    await connection.execute(
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
    )
