"""Puts the bus side together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Never

import structlog

from crm_search import consumers
from crm_search.forgetting import drop_traces
from crm_search.index import open_client
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.rebuilding import advance, remove_old
from crm_search.indexes.tombstones import purge_tombstones
from crm_search.indexes.verification import watch
from crm_search.indexing import catch_up
from crm_search.settings import SearchSettings
from crm_search.store import AWAY, DocumentStore
from crm_shared.background import background, repeat
from crm_shared.bus import is_transient
from crm_shared.bus.backoff import Backoff
from crm_shared.clock import SystemClock
from crm_shared.database import Database
from crm_shared.entry_points.service_rooms import Consuming

CONSUMERS = (consumers.keep_directory, consumers.index_records)
logger = structlog.get_logger(__name__)


@asynccontextmanager
async def consuming(settings: SearchSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on, and bring over what a crash has left between the stores."""
    database = await Database.open(settings.worker_dsn.get_secret_value(), max_size=settings.database_pool_max_size)
    client = open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s)
    cluster = IndexCluster(client, settings)
    store = cluster.store

    try:
        async with background(
            heal(database, store),
            *_list_upkeep(settings, database, cluster),
        ):
            yield Consuming(
                [consumers.keep_directory.bind(database), consumers.index_records.bind(database, store)],
                {"database": database.ping, "elasticsearch": store.ping},
            )
    finally:
        await client.close()
        await database.close()


def _list_upkeep(
    settings: SearchSettings, database: Database, cluster: IndexCluster
) -> Iterator[Coroutine[Any, Any, Never]]:
    every_s = settings.index_work_every_s
    works: Mapping[str, tuple[Callable[[], Awaitable[bool | None]], float]] = {
        "index_rebuild": (lambda: advance(database, cluster), every_s),
        "index_comparison": (lambda: watch(database, cluster, every_s=settings.verify_every_s), every_s),
        "index_removal": (lambda: remove_old(database, cluster), every_s),
        "index_tombstones": (lambda: _purge(cluster), settings.drop_traces_every_s),
        "index_traces": (lambda: drop_traces(database, cluster.store), settings.drop_traces_every_s),
    }
    for name, (work, pause_s) in works.items():
        yield repeat(name, work, pause_s=pause_s, transient_errors=AWAY)


async def _purge(cluster: IndexCluster) -> None:
    await purge_tombstones(cluster, SystemClock())


async def heal(database: Database, store: DocumentStore) -> None:
    """Catch up once, waiting for stores that are away."""
    backoff = Backoff()
    while True:
        try:
            await catch_up(database, store)
        except Exception as error:
            if not is_transient(error, AWAY):
                raise
            logger.warning("catching_up_waits", error=repr(error), tries=backoff.tries)
            await asyncio.sleep(backoff.next_delay_s())
        else:
            return
