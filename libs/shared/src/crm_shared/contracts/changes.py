"""What an event says has changed."""

from collections.abc import Iterable
from typing import Final

from crm_shared.contracts.event_types import Change

# They change with every event, which tells both by itself.
UNTOLD: Final = frozenset({"version", "updated_at"})


def list_changes(before: object, after: object, names: Iterable[str]) -> dict[str, Change]:
    """Compare two states of one aggregate by the attributes `names`: {name: {from, to}} of each that differs."""
    return {
        name: {"from": getattr(before, name), "to": getattr(after, name)}
        for name in names
        if name not in UNTOLD and getattr(before, name) != getattr(after, name)
    }
