"""Puts the bus side together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from crm_search import consumers
from crm_search.index import open_client
from crm_search.indexing import catch_up
from crm_search.rewriting import rewrite
from crm_search.settings import SearchSettings
from crm_search.store import AWAY, DocumentStore
from crm_search.traces import drop_traces
from crm_shared.background import background, repeat
from crm_shared.bus import is_world_error
from crm_shared.bus.backoff import Backoff
from crm_shared.database import Database
from crm_shared.service_rooms import Consuming

CONSUMERS = (consumers.keep_directory, consumers.index_records)
logger = structlog.get_logger(__name__)


@asynccontextmanager
async def consuming(settings: SearchSettings) -> AsyncIterator[Consuming]:
    """Open what the consumers depend on, and bring over what a crash has left between the stores."""
    database = await Database.open(settings.worker_dsn.get_secret_value(), max_size=settings.database_pool_max_size)
    client = open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s)
    store = DocumentStore(client, settings.index_prefix)

    async def drop() -> None:
        await drop_traces(database, store)

    async def write_again() -> bool:
        return await rewrite(database, store)

    try:
        async with background(
            heal(database, store),
            repeat("document_rewrites", write_again, pause_s=settings.rewrite_every_s, world_errors=AWAY),
            repeat("index_traces", drop, pause_s=settings.drop_traces_every_s, world_errors=AWAY),
        ):
            yield Consuming(
                [consumers.keep_directory.bind(database), consumers.index_records.bind(database, store)],
                {"database": database.ping, "elasticsearch": store.ping},
            )
    finally:
        await client.close()
        await database.close()


async def heal(database: Database, store: DocumentStore) -> None:
    """Catch up once, waiting for stores that are away."""
    backoff = Backoff()
    while True:
        try:
            await catch_up(database, store)
        except Exception as error:
            if not is_world_error(error, AWAY):
                raise
            logger.warning("catching_up_waits", error=repr(error), tries=backoff.tries)
            await asyncio.sleep(backoff.next_delay_s())
        else:
            return
