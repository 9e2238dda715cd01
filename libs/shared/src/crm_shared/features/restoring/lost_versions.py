"""Versions that are no longer so, since the service that told of them was restored to a moment before them."""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from crm_shared.contracts import Event


class LostVersions(NamedTuple):
    """Of one record: those after `after` and before `before`."""

    tenant_id: UUID
    id: UUID
    after: int
    before: int


def list_lost(events: Iterable[Event]) -> list[LostVersions]:
    """Return what the events say is no longer so, sorted by key."""
    return sorted(
        LostVersions(event.tenant_id, event.aggregate_id, event.restored_from, event.version)
        for event in events
        if event.restored_from is not None
    )
