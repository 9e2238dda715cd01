"""Other services' facts: the directory, the owners of contacts and deals, and a note of each deal's move."""

from crm_activities.activities.commands import log_notes
from crm_activities.activities.moves import list_moves
from crm_shared.bus import subscribe
from crm_shared.clock import Clock
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.replicas import consumers

keep_directory = consumers.keep_directory("activities")
keep_replicas = consumers.keep_replicas("activities", "crm.contact", "crm.deal")


@subscribe("crm.deal", group_id="activities.deal-notes")
async def note_deal_moves(batch: list[Event], database: Database, clock: Clock) -> None:
    """Log one note per move. Raises BadRecord for a move that does not say from where to where."""
    moves = [move for event in batch for move in list_moves(event)]
    if not moves:
        return
    async with database.begin_as_worker() as transaction:
        await log_notes(transaction, moves, clock)
