"""Every other service's facts: the directory, and the records that documents are made from."""

from typing import Final

from crm_search.forgetting import note_traces
from crm_search.indexing import index
from crm_search.projections import to_record
from crm_search.store import AWAY, DocumentStore
from crm_shared.bus import subscribe
from crm_shared.contracts import Event
from crm_shared.database import Database
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.replicas import consumers

PIECE_EVENTS: Final = 100
"""Read without letting others have the event loop: some 5 ms."""

keep_directory = consumers.keep_directory("search")


@subscribe(
    "crm.contact",
    "crm.company",
    "crm.deal",
    "crm.activity",
    "crm.pipeline",
    group_id="search.index",
    transient_errors=AWAY,
)
async def index_records(batch: list[Event], database: Database, store: DocumentStore) -> None:
    """Keep each record's newest state, and the index's documents in step with it. Stale events change nothing."""
    records = [to_record(event) async for event in in_turns(batch, at_once=PIECE_EVENTS)]
    await index(database, store, records)
    erased = {record.key for event, record in zip(batch, records, strict=True) if event.is_erasure}
    await note_traces(database, sorted(erased))
