"""What records were at each past moment, read back from their audit: for snapshots, which projections start from."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_shared.contracts import Change
from crm_shared.contracts.dated_values import dated_fields
from crm_shared.database import Connection

# No version after the record's own: one that came since belongs to the next snapshot, and to its own event.
SELECT_CHANGES: Final = """
    SELECT r.record_id, r.version, r.changed_at, r.changed
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS wanted (tenant_id, record_id, version)
      JOIN record_changes r
        ON r.tenant_id = wanted.tenant_id AND r.aggregate = $4 AND r.record_id = wanted.record_id
       AND r.version <= wanted.version
     ORDER BY r.record_id, r.version
"""


class AuditedChange(NamedTuple):
    """One version: when it happened, and what it changed (None: it made the record)."""

    version: int
    changed_at: datetime
    changed: Mapping[str, Change] | None


async def load_value_histories(
    connection: Connection, aggregate: str, records: Sequence[tuple[UUID, Mapping[str, Any]]]
) -> dict[UUID, list[dict[str, Any]]]:
    """Return the `value_history` of each record by its id; `records` are (tenant id, state)."""
    rows = await connection.fetch(
        SELECT_CHANGES,
        [tenant_id for tenant_id, _ in records],
        [state["id"] for _, state in records],
        [state["version"] for _, state in records],
        aggregate,
    )
    changes: dict[UUID, list[AuditedChange]] = {state["id"]: [] for _, state in records}
    for row in rows:
        changes[row["record_id"]].append(AuditedChange(row["version"], row["changed_at"], row["changed"]))
    fields = dated_fields(aggregate)
    return {state["id"]: trace_values(state, changes[state["id"]], fields) for _, state in records}


def trace_values(
    state: Mapping[str, Any], changes: Iterable[AuditedChange], fields: Sequence[str]
) -> list[dict[str, Any]]:
    """Return what each version made of `fields`, oldest first, going back from `state` change by change.

    The first entry holds all of them. Of a record that is older than its audit they are those from before the oldest
    change that is known, told as its first version's.
    """
    values = {name: state[name] for name in fields}
    entries: list[dict[str, Any]] = []
    for version, changed_at, changed in sorted(changes, reverse=True):
        if changed is None:
            entries.append(_to_entry(version, changed_at, values))
            break
        touched = [name for name in fields if name in changed]
        if touched:
            entries.append(_to_entry(version, changed_at, {name: values[name] for name in touched}))
        values |= {name: changed[name]["from"] for name in touched}
    else:
        entries.append(_to_entry(1, state["created_at"], values))
    return entries[::-1]


def _to_entry(version: int, changed_at: datetime, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": version, "changed_at": changed_at, "values": dict(values)}
