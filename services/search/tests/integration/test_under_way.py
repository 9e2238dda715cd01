"""While the index takes documents the next ones are made: nothing comes twice, out of order, or too early for it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

import pytest
from elasticsearch import AsyncElasticsearch
from services.search.tests.integration.indexing_kit import count_dirty

from crm_search import consumers, records
from crm_search.bulk import Write
from crm_search.consumers import index_records
from crm_search.index import open_client
from crm_search.projections import SearchRecord
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.bus import DependencyUnavailable
from crm_shared.clock import new_id
from crm_shared.database import Transaction
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
WITHIN_S = 60.0


@pytest.fixture
def story(tenant: SeededTenant) -> SearchStory:
    return SearchStory(tenant)


@pytest.fixture
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "SAVED_AT_ONCE", 1)


async def nothing() -> None: ...


class WatchedStore(DocumentStore):
    """Notes what is written. Each write first awaits `meanwhile`; no write begins while another lasts."""

    def __init__(self, client: AsyncElasticsearch, alias: str) -> None:
        super().__init__(client, alias)
        self.meanwhile: Callable[[], Awaitable[None]] = nothing
        self.written: list[tuple[str, int]] = []
        self.cut_off = 0
        self._lasts = False

    async def write(
        self, writes: Sequence[Write], *, read_at_s: float | None = None, replaces_same: bool = False
    ) -> list[str | None]:
        assert not self._lasts
        self._lasts = True
        try:
            await self.meanwhile()
            answer = await super().write(writes, read_at_s=read_at_s, replaces_same=replaces_same)
        except asyncio.CancelledError:
            self.cut_off += 1
            raise
        finally:
            self._lasts = False
        self.written += [(write.key, write.revision) for write in writes]
        return answer


@pytest.fixture
async def watched(search: Kit) -> AsyncIterator[WatchedStore]:
    async with open_client(search.settings, timeout_s=30) as client:
        yield WatchedStore(client, search.settings.index_prefix)


async def count_rows(search: Kit, story: SearchStory) -> int:
    async with search.database.read_as_worker() as connection:
        return int(
            await connection.fetchval("SELECT count(*) FROM search_records WHERE tenant_id = $1", story.tenant.id)
        )


@pytest.mark.usefixtures("one_by_one")
async def test_the_next_piece_is_saved_while_the_index_takes_the_one_before(
    search: Kit, story: SearchStory, watched: WatchedStore
) -> None:
    for number in range(2):
        story.add(f"contact-{number}", "contact", first_name="Zebra")

    async def are_both_saved() -> bool:
        return await count_rows(search, story) == 2

    async def until_both_are_saved() -> None:
        await wait_until(are_both_saved)
        assert await count_dirty(search.database, story) == 2, "none counts as indexed before the index has it"
        watched.meanwhile = nothing

    watched.meanwhile = until_both_are_saved
    async with asyncio.timeout(WITHIN_S):
        await index_records(story.events(), search.database, watched)
    assert await count_dirty(search.database, story) == 0
    await watched.refresh()
    assert len(await story.find(search.client(story.tenant.rep), "zebra")) == 2


@pytest.mark.usefixtures("one_by_one")
async def test_what_changes_while_it_is_under_way_is_written_after_it_and_once(
    search: Kit, story: SearchStory, watched: WatchedStore
) -> None:
    contact = story.add("contact", "contact", first_name="Zebra")
    events = [contact.publish(), contact.change(first_name="Quagga")]

    async def has_changed() -> bool:
        async with search.database.read_as_worker() as connection:
            revision = await connection.fetchval("SELECT revision FROM search_records WHERE id = $1", contact.id)
        return int(revision) == 2

    async def until_it_has_changed() -> None:
        await wait_until(has_changed)
        watched.meanwhile = nothing

    watched.meanwhile = until_it_has_changed
    async with asyncio.timeout(WITHIN_S):
        await index_records(events, search.database, watched)
    key = f"{story.tenant.id}:contact:{contact.id}"
    assert [one for one in watched.written if one[0] == key] == [(key, 1), (key, 2)]
    await watched.refresh()
    assert await story.find(search.client(story.tenant.rep), "quagga") == ["contact"]


@pytest.mark.usefixtures("one_by_one")
async def test_what_the_index_would_not_take_stays_dirty_and_comes_again(
    search: Kit, story: SearchStory, watched: WatchedStore, store: DocumentStore
) -> None:
    for number in range(3):
        story.add(f"contact-{number}", "contact", first_name="Zebra")

    async def be_away() -> None:
        raise DependencyUnavailable("away")

    watched.meanwhile = be_away
    with pytest.raises(DependencyUnavailable, match="away"):
        await index_records(story.events(), search.database, watched)
    assert await count_dirty(search.database, story) == await count_rows(search, story) > 0
    await index_records(story.events(), search.database, store)
    await store.refresh()
    assert len(await story.find(search.client(story.tenant.rep), "zebra")) == 3
    assert await count_dirty(search.database, story) == 0


@pytest.mark.usefixtures("one_by_one")
async def test_what_is_under_way_is_let_go_when_the_next_piece_cannot_be_saved(
    search: Kit, story: SearchStory, watched: WatchedStore, store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        story.add(f"contact-{number}", "contact", first_name="Zebra")
    began = asyncio.Event()

    async def last() -> None:
        began.set()
        await asyncio.Event().wait()

    watched.meanwhile = last
    save = records.save

    async def save_one(transaction: Transaction, batch: Collection[SearchRecord]) -> None:
        if await count_rows(search, story):
            await began.wait()
            raise ConnectionError("away")
        await save(transaction, batch)

    with monkeypatch.context() as patch:
        patch.setattr(records, "save", save_one)
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(ConnectionError, match="away"):
                await index_records(story.events(), search.database, watched)
    assert watched.cut_off == 1
    assert await count_dirty(search.database, story) == 1
    await index_records(story.events(), search.database, store)
    await store.refresh()
    assert len(await story.find(search.client(story.tenant.rep), "zebra")) == 2


@pytest.mark.usefixtures("one_by_one")
async def test_what_is_shown_comes_before_what_shows_it_so_each_document_is_made_once(
    search: Kit, story: SearchStory, watched: WatchedStore
) -> None:
    company = story.add("company", "company", name="Zebra")
    contact = story.add("contact", "contact", first_name="Zoë", company_id=company.id)
    deal = story.add(
        "deal", "deal", contact_id=contact.id, company_id=company.id, pipeline_id=new_id(), stage_id=new_id()
    )
    story.add("note", "activity", body="Zebra", contact_id=contact.id, deal_id=deal.id)
    await index_records(story.events()[::-1], search.database, watched)
    own = [key for key, _ in watched.written if key.startswith(str(story.tenant.id))]
    assert Counter(key.split(":")[1] for key in own) == {"company": 1, "contact": 1, "deal": 1, "activity": 1}


async def test_long_texts_are_saved_a_few_at_a_time(
    search: Kit, story: SearchStory, store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    save = records.save

    async def save_counted(transaction: Transaction, batch: Collection[SearchRecord]) -> None:
        sizes.append(len(batch))
        await save(transaction, batch)

    monkeypatch.setattr(records, "save", save_counted)
    monkeypatch.setattr(consumers, "SAVED_BYTES", 10_000)
    for number in range(5):
        story.add(f"note {number}", "activity", body="zebra" * 800)
    await index_records(story.events(), search.database, store)
    assert sizes == [2, 2, 1]
