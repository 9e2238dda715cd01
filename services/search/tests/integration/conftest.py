"""The search service in this process, on a database and an index of its own."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from crm_search.app import make_app
from crm_search.consumers import index_records
from crm_search.index import open_client, prepare_index
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.contracts import Event
from crm_shared.testing.people import SeededTenant
from crm_shared.testing.service_kit import ServiceKit, running_service

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"
Tell: TypeAlias = Callable[..., Awaitable[None]]


@pytest.fixture(scope="session")
async def search(postgres_admin_dsn: str, elasticsearch_url: str) -> AsyncIterator[ServiceKit[SearchSettings]]:
    prefix = f"test-search-{uuid.uuid4().hex[:12]}"
    async with (
        running_service(
            SearchSettings,
            make_app,
            MIGRATIONS,
            admin_dsn=postgres_admin_dsn,
            elasticsearch_url=elasticsearch_url,
            index_prefix=prefix,
            elasticsearch_timeout_s=60,  # a machine that tests much at once is slow, not away
        ) as kit,
        open_client(kit.settings, timeout_s=30) as client,
    ):
        name = await prepare_index(client, kit.settings)
        yield kit
        await client.indices.delete(index=name)


@pytest.fixture(scope="session")
async def store(search: ServiceKit[SearchSettings]) -> AsyncIterator[DocumentStore]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield DocumentStore(client, search.settings.index_prefix)


@pytest.fixture
async def tenant(search: ServiceKit[SearchSettings]) -> SeededTenant:
    return await search.seed_tenant()


@pytest.fixture
def tell(search: ServiceKit[SearchSettings], store: DocumentStore) -> Tell:
    """Hand events to the consumer, and make what it wrote visible."""

    async def feed(*events: Event) -> None:
        await index_records(list(events), search.database, store)
        await store.refresh()

    return feed
