"""Replica rows: from a record's whole state, kept by version, so that any event may come again or late."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_shared.access.shares import SharesOfContact, list_shares, replace_shares
from crm_shared.contracts import Event
from crm_shared.contracts.states import STATE_MODELS, ContactState, SharePermission, State
from crm_shared.database import Transaction

# One row a record: the batch's newest version, since one statement may not touch a row twice. A snapshot of a version
# that is there brings what rows from before its last columns lack.
UPSERT = """
    INSERT INTO replica_records AS r (tenant_id, aggregate, id, version, name, owner_id, company_id, contact_id,
                                      is_deleted, merged_into, address, external_id, name_key)
    SELECT given.*, fold_case(given.name)
      FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::uuid[], $7::uuid[],
                         $8::uuid[], $9::boolean[], $10::uuid[], $11::text[], $12::text[])
           AS given (tenant_id, aggregate, id, version, name, owner_id, company_id, contact_id, is_deleted,
                     merged_into, address, external_id)
    ON CONFLICT (tenant_id, aggregate, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, owner_id = excluded.owner_id,
           company_id = excluded.company_id, contact_id = excluded.contact_id, is_deleted = excluded.is_deleted,
           merged_into = excluded.merged_into, address = excluded.address, external_id = excluded.external_id,
           name_key = excluded.name_key
     WHERE r.version < excluded.version
        OR (r.version = excluded.version
            AND (r.address, r.external_id, r.name_key)
                IS DISTINCT FROM (excluded.address, excluded.external_id, excluded.name_key))
    RETURNING r.tenant_id, r.aggregate, r.id
"""


# Into what a contact was merged stays known: who followed it would else come back to it.
END = """
    INSERT INTO replica_records AS r (tenant_id, aggregate, id, version, name, is_deleted)
    SELECT *, '', true FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[])
    ON CONFLICT (tenant_id, aggregate, id) DO UPDATE
       SET version = excluded.version, name = excluded.name, is_deleted = excluded.is_deleted, address = NULL,
           external_id = NULL, name_key = NULL
     WHERE r.version < excluded.version
    RETURNING r.tenant_id, r.aggregate, r.id
"""


@dataclass(frozen=True, slots=True)
class ReplicaRecord:
    """`name` is what a person would call it; `company_id`, `contact_id` and `merged_into` where its type has them.

    `address`: a contact's e-mail address or a company's domain, without its letters' case; with `external_id` what
    files name it by. `shares` are a contact's, as its state tells them; they are kept in `contact_shares`, so a row
    read has none. Not `is_whole`: all that is known is that the record is gone.
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
    address: str | None = None
    external_id: str | None = None
    shares: Sequence[tuple[UUID, SharePermission]] = ()
    is_whole: bool = True


def full_name(state: Mapping[str, Any]) -> str:
    """Call a contact by name, else by e-mail or phone."""
    names = [state.get("first_name"), state.get("last_name")]
    return " ".join(name for name in names if name) or state.get("email") or state.get("phone") or ""


def fold_address(text: str | None) -> str | None:
    """Return an e-mail address or a domain as it is compared."""
    return None if text is None else text.casefold()


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
        address=fold_address(getattr(state, "domain", None) if contact is None else contact.email),
        external_id=getattr(state, "external_id", None),
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
        [row.address for row in rows],
        [row.external_id for row in rows],
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
