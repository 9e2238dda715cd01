"""What an event says has changed."""

from collections.abc import Mapping
from typing import Any, Final

from crm_shared.contracts.event_types import Change

# They change with every event, which says both by itself.
UNLISTED: Final = frozenset({"version", "updated_at"})


def list_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    """Compare two states of one aggregate: {field: {from, to}} of each that differs."""
    # `is` first: what an edit leaves alone is the same object, and ids are compared by code of Python's own.
    return {
        name: {"from": before[name], "to": value}
        for name, value in after.items()
        if value is not before[name] and value != before[name] and name not in UNLISTED
    }


def conceal(changed: Mapping[str, Change]) -> dict[str, Change]:
    """Return the same fields with what they became alone: an erasure's event lives as long as its topic."""
    return {name: {"from": None, "to": change["to"]} for name, change in changed.items()}
