"""Every other service's facts: the directory, and the records that documents are made from."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

from crm_search.forgetting import note_traces
from crm_search.indexing import index
from crm_search.projections import SearchRecord, to_record
from crm_search.store import AWAY, DocumentStore
from crm_shared.bus import subscribe
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.event_loop_turns import in_turns, to_pieces
from crm_shared.features.replicas import consumers

MAX_RECORDS: Final = 1000
"""More would save documents that are made twice, and let each write behind a backlog wait for a batch twice as long."""

BATCH_BYTES: Final = 2_097_152
SAVED_AT_ONCE: Final = 500
SAVED_BYTES: Final = 524_288
"""A batch is taken in by pieces of one transaction each, the next one saved while the index takes the documents of the
one before."""

READ_AT_ONCE: Final = 100
"""Events read without letting others have the event loop: some 5 ms."""

PARENTS_FIRST: Final = ("pipeline", "company", "contact", "deal", "activity")
"""A document that is made when what it shows is known is made once."""

FEW: Final = 50
"""Events of a tenant in one batch: who has no more of them has its documents before those who have."""

keep_directory = consumers.keep_directory("search")


@subscribe(
    "crm.contact",
    "crm.company",
    "crm.deal",
    "crm.activity",
    "crm.pipeline",
    group_id="search.index",
    max_records=MAX_RECORDS,
    part_bytes=BATCH_BYTES,
    transient_errors=AWAY,
)
async def index_records(batch: list[Event], database: Database, store: DocumentStore) -> None:
    """Keep each record's newest state, and the index's documents in step with it. Stale events change nothing."""
    await index(database, store, _read_pieces(batch))
    erased = {(event.tenant_id, event.aggregate, event.aggregate_id) for event in batch if event.is_erasure}
    await note_traces(database, sorted(erased))


async def _read_pieces(batch: Sequence[Event]) -> AsyncIterator[Sequence[SearchRecord]]:
    ordered = sorted(batch, key=lambda event: PARENTS_FIRST.index(event.aggregate))  # of one record as they came
    by_tenant = Counter(event.tenant_id for event in batch)
    for is_of_few in (True, False):
        some = [event for event in ordered if (by_tenant[event.tenant_id] <= FEW) is is_of_few]
        for piece in to_pieces(some, at_once=SAVED_AT_ONCE, weigh=_weigh, at_most=SAVED_BYTES):
            yield [to_record(event) async for event in in_turns(piece, at_once=READ_AT_ONCE)]


def _weigh(event: Event) -> int:
    """Return about how many bytes an event has: its texts, of which long ones are made."""
    return sum(len(value) for value in event.state.values() if isinstance(value, str))
