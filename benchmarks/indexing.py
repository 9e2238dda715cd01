"""From the bus to the index, and beside it a bare bulk of the same documents, made beforehand."""

import statistics
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

from elasticsearch import AsyncElasticsearch

from benchmarks.arena import Arena, Row
from benchmarks.consuming import time_worker
from benchmarks.relevance.office import Made, Office
from benchmarks.searching import to_rows
from benchmarks.size import sized
from crm_search.bulk import Write, to_portions
from crm_search.consumers import index_records
from crm_search.index import open_client, prepare_index
from crm_search.indexing import BULK_ROWS, to_writes
from crm_search.settings import SearchSettings
from crm_search.store import MAX_BULK_BYTES, DocumentStore
from crm_shared.bus.topics import create_topics
from crm_shared.contracts import Event
from crm_shared.contracts.topics import topic_of
from crm_shared.database import Database
from crm_shared.service_registry import PUBLISHERS
from crm_testing.records import RawRecord, write_records

RECORDS, ROUNDS, SEED = *sized((10_000, 3), tiny=(100, 1)), 31
AIM = 0.8
AT_ONCE = 1000
LATER_REVISION = 1 << 50


async def run(arena: Arena, elasticsearch_url: str) -> list[Row]:
    """Take the events of an office in, a round after the other, each of records of its own."""
    prefix = f"bench-index-{uuid4().hex[:12]}"
    settings = SearchSettings.model_construct(elasticsearch_url=elasticsearch_url, index_prefix=prefix)
    database = await Database.open(arena.worker_dsn, max_size=4)
    ours, bare = [], []
    for service in PUBLISHERS:
        await create_topics(arena.kafka_bootstrap, service, groups={}, partitions=3, replication=1)
    async with open_client(settings, timeout_s=120) as client:
        name = await prepare_index(client, settings)
        try:
            for number in range(ROUNDS):
                office = Office(arena.tenant.id, arena.tenant.rep.id, records=RECORDS, seed=SEED + number)
                await _publish(arena, office.all)
                mine = {made.record.id for made in office.all}
                ours.append(await _consume(arena, database, DocumentStore(client, prefix), mine))
                writes = to_writes(to_rows(office, [str(arena.tenant.rep.id)], 0))
                bare.append(await _write_bare(client, prefix, writes))
        finally:
            await client.indices.delete(index=name)
            await database.close()
    return [
        Row(
            f"{RECORDS:,} events of an office to the index",
            f"{statistics.median(ours):,.0f} events/s",
            f"bare bulk of their documents: {statistics.median(bare):,.0f}/s",
            statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True)),
            AIM,
        )
    ]


async def _publish(arena: Arena, records: Sequence[Made]) -> None:
    for begin in range(0, len(records), AT_ONCE):
        by_topic: dict[str, list[RawRecord]] = {}
        for made in records[begin : begin + AT_ONCE]:
            by_topic.setdefault(topic_of(made.record.aggregate), []).append(RawRecord.of(made.record.write()))
        for topic, raw in by_topic.items():
            await write_records(arena.kafka_bootstrap, topic, raw)


async def _consume(arena: Arena, database: Database, store: DocumentStore, wanted: Collection[UUID]) -> float:
    """Return events a second. A batch is in the index when its handler returns."""
    bound = index_records.bind(database, store)
    indexed: set[UUID] = set()  # what comes again, as the round before was stopped, counts once and in its own round

    async def index_counted(batch: list[Event]) -> None:
        # Beside tests, others' records are on the topics too.
        mine = [event for event in batch if event.tenant_id == arena.tenant.id]
        await bound.handler(mine)
        indexed.update(event.aggregate_id for event in mine if event.aggregate_id in wanted)

    async def count() -> int:
        return len(indexed)

    counted = replace(bound, handler=index_counted)
    return await time_worker(arena, counted, "bench.index", batch=bound.max_records, total=RECORDS, count=count)


async def _write_bare(client: AsyncElasticsearch, alias: str, writes: Sequence[Write]) -> float:
    """Write the documents once more, at a later revision, in the portions that the worker makes."""
    again = [Write(write.key, LATER_REVISION, write.document) for write in writes]
    portions = [
        portion
        for begin in range(0, len(again), BULK_ROWS)
        for portion in to_portions(again[begin : begin + BULK_ROWS], MAX_BULK_BYTES, "external")
    ]
    began_s = time.perf_counter()
    for lines in portions:
        await client.bulk(index=alias, operations=lines, filter_path=["errors"])  # type: ignore[arg-type]
    return len(writes) / (time.perf_counter() - began_s)
