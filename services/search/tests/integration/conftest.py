"""The search service in this process, on a database and an index of its own."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
from elasticsearch import AsyncElasticsearch

from crm_search.app import make_app
from crm_search.consumers import index_records
from crm_search.index import open_client, prepare_index
from crm_search.indexes.cluster import IndexCluster
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.contracts import Event
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit, running_service

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
Publish: TypeAlias = Callable[..., Awaitable[None]]


@asynccontextmanager
async def running_search(
    postgres_admin_dsn: str, elasticsearch_url: str, name: str, **settings: Any
) -> AsyncIterator[ServiceKit[SearchSettings]]:
    """Run the service on a database and an index of its own; the index is removed at the end."""
    prefix = f"test-{name}-{uuid.uuid4().hex[:12]}"
    async with (
        running_service(
            SearchSettings,
            make_app,
            MIGRATIONS,
            admin_dsn=postgres_admin_dsn,
            elasticsearch_url=elasticsearch_url,
            index_prefix=prefix,
            elasticsearch_timeout_s=60,  # a machine that tests much at once is slow, not away
            **settings,
        ) as kit,
        open_client(kit.settings, timeout_s=30) as client,
    ):
        await prepare_index(client, kit.settings)
        yield kit
        for index in await client.indices.get(index=f"{prefix}*"):
            await client.indices.delete(index=index)


@pytest.fixture(scope="session")
async def search(postgres_admin_dsn: str, elasticsearch_url: str) -> AsyncIterator[ServiceKit[SearchSettings]]:
    # Own writes may take their time on such a machine, too.
    async with running_search(postgres_admin_dsn, elasticsearch_url, "search", position_wait_s=10) as kit:
        yield kit


@pytest.fixture(scope="session")
async def apart(postgres_admin_dsn: str, elasticsearch_url: str) -> AsyncIterator[ServiceKit[SearchSettings]]:
    """Run the service on a second database and index, for tests that do something to all of its documents."""
    async with running_search(postgres_admin_dsn, elasticsearch_url, "search-apart") as kit:
        yield kit


@pytest.fixture
async def cluster(apart: ServiceKit[SearchSettings]) -> AsyncIterator[IndexCluster]:
    """Yield the indexes of `apart`: one, and no record yet, as what is done to all would take longer test by test."""
    async with apart.database.begin_as_worker() as transaction:
        for table in ("search_records", "index_parts", "search_indexes"):
            await transaction.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
    async with open_client(apart.settings, timeout_s=60) as client:
        await remove_indexes(client, apart.settings.index_prefix)
        await prepare_index(client, apart.settings)
        yield IndexCluster(client, apart.settings)


async def remove_indexes(client: AsyncElasticsearch, prefix: str) -> None:
    for name in await client.indices.get(index=f"{prefix}*"):
        await client.indices.delete(index=name)


@pytest.fixture(scope="session")
async def store(search: ServiceKit[SearchSettings]) -> AsyncIterator[DocumentStore]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield DocumentStore(client, search.settings.index_prefix)


@pytest.fixture
async def tenant(search: ServiceKit[SearchSettings]) -> SeededTenant:
    return await search.seed_tenant()


@pytest.fixture
def publish(search: ServiceKit[SearchSettings], store: DocumentStore) -> Publish:
    """Hand events to the consumer, and make what it wrote visible."""

    async def feed(*events: Event) -> None:
        await index_records(list(events), search.database, store)
        await store.refresh()

    return feed
