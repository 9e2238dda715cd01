"""Reads a deal snapshot's past: each version's values whole, from entries that hold what changed."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from crm_shared.contracts import BadRecord, Event
from crm_shared.contracts.dated_values import DealValueEntry

MOVES: Final = frozenset({"pipeline_id", "stage_id", "stage_changed_at", "status", "closed_at"})
"""What a move changes. It may have happened long before we heard of it."""

EDITS: Final = frozenset({"amount", "currency", "owner_id", "close_date", "deleted_at"})
"""What edits change, at the moment of the edit."""


class FoldedVersion(NamedTuple):
    """What a version changed (`fields`), when, and all dated values as they were after it."""

    version: int
    changed_at: datetime
    fields: frozenset[str]
    values: Mapping[str, Any]


def fold_values(event: Event) -> Iterator[FoldedVersion]:
    """Return the versions of a snapshot's `value_history`, oldest first. Raises BadRecord."""
    entries = event.read_value_history(DealValueEntry)
    values: dict[str, Any] = {}
    for entry in sorted(entries, key=lambda entry: entry.version):
        fields = frozenset(entry.values.model_fields_set)
        if not values and not fields.issuperset(MOVES | EDITS):
            raise BadRecord("field value_history does not begin with all values")
        values = values | {name: getattr(entry.values, name) for name in fields}
        yield FoldedVersion(entry.version, entry.changed_at, fields, values)
