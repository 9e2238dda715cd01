"""Other services' facts: the directory, the owners of contacts and deals, and notes of what happens to them."""

from collections.abc import Awaitable, Callable, Sequence

from crm_activities.activities.change_notes import list_merge_changes, list_owner_changes
from crm_activities.activities.erasure import erase_activities
from crm_activities.activities.lost_notes import take_back_contact_notes, take_back_deal_notes
from crm_activities.activities.merge_following import ActivityMovers
from crm_activities.activities.move_notes import list_moves
from crm_activities.activities.noting import log_notes
from crm_activities.activities.record_adapter import ACTIVITIES
from crm_activities.activities.system_notes import Noteworthy
from crm_activities.series.erasure import end_series_of
from crm_activities.series.handover import SERIES
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database, Transaction
from crm_shared.features.handover import follow_hand_overs, owned_by_column
from crm_shared.features.imports.forgetting_contacts import forget
from crm_shared.features.replicas import consumers
from crm_shared.features.restoring.lost_versions import LostVersions, list_lost

# What was done stays with who did it. As the partial index activities_to_do_by_user has it, word for word.
TO_DO = "deleted_at IS NULL AND completed_at IS NULL AND type IN ('TASK', 'MEETING')"
ALL_OWNED = (SERIES, owned_by_column(ACTIVITIES, owner="user_id", where=TO_DO))
FOLLOWERS = ActivityMovers()

keep_directory = consumers.keep_directory("activities")
hand_over = follow_hand_overs("activities", ALL_OWNED)
keep_replicas = consumers.keep_replicas(
    "activities", "crm.contact", "crm.company", "crm.deal", followers=FOLLOWERS, forget=forget
)


@subscribe("crm.deal", group_id="activities.deal-notes")
async def note_deal_moves(batch: list[Event], database: Database, clock: Clock) -> None:
    """Log one note per move and per change of owner. Raises BadRecord for one that does not say from where to where."""
    changes: list[Noteworthy] = []
    for event in batch:
        changes += [*list_moves(event), *list_owner_changes(event)]
    await _note(changes, list_lost(batch), take_back_deal_notes, database, clock)


@subscribe("crm.contact", group_id="activities.contact-notes")
async def note_contact_changes(batch: list[Event], database: Database, clock: Clock) -> None:
    """Log a note per change of owner, merge and parting. Raises BadRecord for one that does not say who and whose."""
    changes: list[Noteworthy] = []
    for event in batch:
        changes += [*list_owner_changes(event), *list_merge_changes(event)]
    await _note(changes, list_lost(batch), take_back_contact_notes, database, clock)


async def _note(
    changes: list[Noteworthy],
    lost: Sequence[LostVersions],
    take_back: Callable[[Transaction, Sequence[LostVersions], Clock], Awaitable[None]],
    database: Database,
    clock: Clock,
) -> None:
    """Log the changes, and take back what was logged of versions that are no longer so."""
    if changes or lost:
        async with database.begin_as_worker() as transaction:
            await log_notes(transaction, changes, clock)
            await take_back(transaction, lost, clock)


@subscribe("crm.contact", group_id="activities.erasures")
async def forget_contacts(batch: list[Event], database: Database, clock: Clock) -> None:
    """Erase what activities say of contacts that are erased; one that was logged meanwhile goes at the next telling."""
    for tenant_id, contact_id in sorted({(e.tenant_id, e.aggregate_id) for e in batch if e.is_erasure}):
        await end_series_of(database, tenant_id, contact_id)
        await erase_activities(database, tenant_id, contact_id, clock)
