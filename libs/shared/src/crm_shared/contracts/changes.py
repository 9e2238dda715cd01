"""What an event says has changed."""

from collections.abc import Iterable, Mapping
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


def list_erasure(before: object, after: object, names: Iterable[str]) -> dict[str, Change]:
    """Compare as `list_changes` does, and leave out what was: an erasure's event lives as long as its topic."""
    return conceal(list_changes(before, after, names))


def conceal(changed: Mapping[str, Change]) -> dict[str, Change]:
    """Give the same fields with what they became alone."""
    return {name: {"from": None, "to": change["to"]} for name, change in changed.items()}
