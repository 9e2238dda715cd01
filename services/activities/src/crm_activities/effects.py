"""What this service makes of an event: `crm-activities why` looks for it."""

from collections.abc import Sequence
from typing import Final

from crm_activities.activities.change_notes import list_merge_changes, list_owner_changes
from crm_activities.activities.move_notes import list_moves
from crm_activities.activities.system_notes import Noteworthy
from crm_activities.settings import ActivitiesSettings
from crm_shared.contracts import SNAPSHOT, Event
from crm_shared.database import Connection
from crm_shared.features.event_tracking.parts import Effect
from crm_shared.features.event_tracking.stores import reading
from crm_shared.features.event_tracking.versions import find_replica

FIND_NOTE: Final = "SELECT created_at, deleted_at FROM activities WHERE tenant_id = $1 AND id = $2"
REPLICATED: Final = frozenset({"contact", "company", "deal"})


async def find_effects(settings: ActivitiesSettings, event: Event) -> Sequence[Effect]:
    """Find the notes in timelines that the event asks for, and what is kept of its record."""
    async with reading(settings) as connection:
        effects = [await _find_note(connection, change) for change in _list_changes(event)]
        if event.aggregate in REPLICATED:
            effects.append(await find_replica(connection, event))
    return effects


def _list_changes(event: Event) -> Sequence[Noteworthy]:
    """Return what is noted of the event; of a snapshot nothing new is."""
    if event.verb == SNAPSHOT:
        return []
    if event.aggregate == "deal":
        return [*list_moves(event), *list_owner_changes(event)]
    if event.aggregate == "contact":
        return [*list_owner_changes(event), *list_merge_changes(event)]
    return []


async def _find_note(connection: Connection, change: Noteworthy) -> Effect:
    row = await connection.fetchrow(FIND_NOTE, change.tenant_id, change.note_id)
    if row is None:
        return Effect("timeline note", "missing", str(change.note_id))
    ended = ", deleted since" if row["deleted_at"] is not None else ""
    return Effect("timeline note", "there", f"{change.note_id}{ended}", row["created_at"])
