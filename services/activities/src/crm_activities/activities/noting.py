"""Use case: the notes that the system writes of what happens to deals and contacts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_activities.activities import events, repository
from crm_activities.activities.activity import Activity
from crm_activities.activities.contacts import place
from crm_activities.activities.domain import ActivityLogged
from crm_activities.activities.repository import NoteKey
from crm_activities.activities.system_notes import Note, Noteworthy, to_note
from crm_shared.clock import Clock
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.database import Transaction
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.replicas.canonical import Contact, lock_canonical
from crm_shared.publishing import publish

PIECE_NOTES: Final = 200
"""Written or told of without letting others have the event loop: some 8 ms. A snapshot tells of all a deal's moves."""


async def log_notes(transaction: Transaction, changes: Sequence[Noteworthy], clock: Clock) -> None:
    """Log the note of each change that has none yet: four round trips, however many changes."""
    now = clock.now()
    named = {(change.tenant_id, user_id) for change in changes for user_id in change.list_user_ids()}
    names = await repository.find_user_names(transaction, named)
    contacts = {(change.tenant_id, change.contact_id) for change in changes if change.contact_id is not None}
    canonical = await lock_canonical(transaction, contacts)
    notes: dict[NoteKey, Note] = {}
    async for change in in_turns(changes, at_once=PIECE_NOTES):
        note = _resolve(to_note(change, names, now=now), canonical, change.tenant_id)
        notes[change.tenant_id, note.id] = Note(note, change.version)
    inserted = await repository.insert_notes(transaction, notes)
    await publish(transaction, await _to_wire(notes, inserted, now), audited=True)


def _resolve(note: Activity, canonical: dict[Contact, UUID], tenant_id: UUID) -> Activity:
    """Put a note where its contact lives on by now."""
    first_id = note.contact_id
    if first_id is None:
        return note
    return replace(note, **place([first_id], {first_id: canonical[tenant_id, first_id]}))


async def _to_wire(notes: dict[NoteKey, Note], inserted: set[NoteKey], now: datetime) -> list[OutboxEvent]:
    wire: list[OutboxEvent] = []
    async for key, logged in in_turns(notes.items(), at_once=PIECE_NOTES):
        if key in inserted:
            wire += events.MAPPING.to_wire([ActivityLogged(logged.activity, at=now)], by=Actor(key[0]))
    return wire
