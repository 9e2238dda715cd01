"""Other services' facts: the directory, the owners of contacts and deals, and a note of each deal's move."""

from crm_activities.activities.commands import log_notes
from crm_activities.activities.erasure import erase_activities
from crm_activities.activities.kind import ACTIVITIES
from crm_activities.activities.moves import list_moves
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.handover import follow_hand_overs, owned
from crm_shared.replicas import consumers
from crm_shared.replicas.following import Followers

# What was done stays with who did it. As the partial index activities_to_do_by_user has it, word for word.
TO_DO = "deleted_at IS NULL AND completed_at IS NULL AND type IN ('TASK', 'MEETING')"
HOLDINGS = (owned(ACTIVITIES, owner="user_id", where=TO_DO),)
# Deleted ones stay where they are: nothing brings them back.
FOLLOWERS = Followers(ACTIVITIES, where="deleted_at IS NULL")

keep_directory = consumers.keep_directory("activities")
hand_over = follow_hand_overs("activities", HOLDINGS)
keep_replicas = consumers.keep_replicas("activities", "crm.contact", "crm.deal", followers=FOLLOWERS)


@subscribe("crm.deal", group_id="activities.deal-notes")
async def note_deal_moves(batch: list[Event], database: Database, clock: Clock) -> None:
    """Log one note per move. Raises BadRecord for a move that does not say from where to where."""
    moves = [move for event in batch for move in list_moves(event)]
    if not moves:
        return
    async with database.begin_as_worker() as transaction:
        await log_notes(transaction, moves, clock)


@subscribe("crm.contact", group_id="activities.erasures")
async def forget_contacts(batch: list[Event], database: Database, clock: Clock) -> None:
    """Erase what activities say of contacts that are erased; one that was logged meanwhile goes at the next telling."""
    for tenant_id, contact_id in sorted({(e.tenant_id, e.aggregate_id) for e in batch if e.tells_of_erasure}):
        await erase_activities(database, tenant_id, contact_id, clock)
