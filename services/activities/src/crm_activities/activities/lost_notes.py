"""Takes back notes of what is no longer so: the service that told of it was restored to a moment before it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, LiteralString

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityDeleted
from crm_activities.activities.repository import to_activity
from crm_shared.clock import Clock
from crm_shared.contracts import Actor
from crm_shared.database import Transaction
from crm_shared.features.restoring.lost_versions import LostVersions
from crm_shared.publishing import publish

# `deal_version` is the version of the record that a note tells of, a contact's too.
FIND_LOST: Final[LiteralString] = (
    "SELECT"
    + ACTIVITY_COLUMNS
    + """, a.tenant_id
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) AS lost (tenant_id, id, after, before)
      JOIN {notes}
     WHERE a.system AND a.deleted_at IS NULL AND a.system_kind = ANY ($5)
       AND a.deal_version > lost.after AND a.deal_version < lost.before
     ORDER BY a.tenant_id, a.id
       FOR NO KEY UPDATE OF a
"""
)
OF_DEALS: Final = FIND_LOST.format(notes="activities a ON a.tenant_id = lost.tenant_id AND a.deal_id = lost.id")
OF_CONTACTS: Final = FIND_LOST.format(
    notes="""activity_contacts l ON l.tenant_id = lost.tenant_id AND l.contact_id = lost.id AND l.is_current
       AND l.deal_version > lost.after AND l.deal_version < lost.before
      JOIN activities a ON a.tenant_id = l.tenant_id AND a.id = l.activity_id"""
)
HIDE: Final = """
    UPDATE activities a
       SET version = hidden.version, updated_at = $4, deleted_at = $4
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS hidden (tenant_id, id, version)
     WHERE a.tenant_id = hidden.tenant_id AND a.id = hidden.id
"""
DEAL_KINDS: Final = ("deal_moved", "deal_owner_changed")
# A merge is told in the timeline of the contact that survived, by the version of the other: it stays.
CONTACT_KINDS: Final = ("contact_owner_changed",)


async def take_back_deal_notes(transaction: Transaction, lost: Sequence[LostVersions], clock: Clock) -> None:
    """Delete the notes of moves and changes of owner that are no longer so."""
    await _take_back(transaction, OF_DEALS, DEAL_KINDS, lost, clock)


async def take_back_contact_notes(transaction: Transaction, lost: Sequence[LostVersions], clock: Clock) -> None:
    """Delete the notes of changes of owner that are no longer so."""
    await _take_back(transaction, OF_CONTACTS, CONTACT_KINDS, lost, clock)


async def _take_back(
    transaction: Transaction, find: str, kinds: Sequence[str], lost: Sequence[LostVersions], clock: Clock
) -> None:
    if not lost:
        return
    rows = await transaction.fetch(
        find,
        [one.tenant_id for one in lost],
        [one.id for one in lost],
        [one.after for one in lost],
        [one.before for one in lost],
        kinds,
    )
    now = clock.now()
    wire = []
    hidden = []
    for row in rows:
        tenant_id, note = row["tenant_id"], to_activity(row)
        deleted = replace(note, version=note.version + 1, updated_at=now, deleted_at=now)
        hidden.append((tenant_id, note.id, deleted.version))
        wire += events.MAPPING.to_wire([ActivityDeleted(deleted, before=note, at=now)], by=Actor(tenant_id))
    if hidden:
        await transaction.execute(HIDE, *(list(column) for column in zip(*hidden, strict=True)), now)
        await publish(transaction, wire, audited=True)
