"""Documents of another form, or of an index that is gone, are written again while searches are answered."""

from collections.abc import Awaitable, Callable

import pytest

from crm_search.index import open_client
from crm_search.rewriting import rewrite
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.database import Database
from crm_shared.testing.search_stories import SearchStory
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Tell = Callable[..., Awaitable[None]]


async def rewrite_all(database: Database, store: DocumentStore) -> None:
    while await rewrite(database, store):
        pass


async def set_form(database: Database, story: SearchStory, form: str) -> None:
    async with database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE document_rewrites SET form = $2 WHERE tenant_id = $1", story.tenant.id, form)


async def list_revisions(database: Database, story: SearchStory) -> dict[str, tuple[int, int]]:
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(
            "SELECT id, revision, indexed_revision FROM search_records WHERE tenant_id = $1", story.tenant.id
        )
    names = {record.id: name for name, record in story.records.items()}
    return {names[row["id"]]: (row["revision"], row["indexed_revision"]) for row in rows}


async def take_from_index(search: Kit, story: SearchStory) -> None:
    async with open_client(search.settings, timeout_s=30) as client:
        for name, (revision, _) in (await list_revisions(search.database, story)).items():
            if name.startswith("zebra"):
                await client.delete(
                    index=search.settings.index_prefix,
                    id=f"{story.tenant.id}:company:{story[name].id}",
                    version=revision,
                    version_type="external_gte",
                    refresh=True,
                )


async def test_what_an_index_lacks_is_written_again_once_from_the_rows(
    search: Kit, store: DocumentStore, tell: Tell
) -> None:
    story = SearchStory(await search.seed_tenant())
    story.add("pipeline", "pipeline")
    for number in range(7):
        story.add(f"zebra-{number}", "company", name=f"Zebra {number}")
    gone = story.add("gone", "company", name="Zebra gone")
    await tell(*story.events(), gone.delete())
    await rewrite_all(search.database, store)
    await set_form(search.database, story, "another index")
    await take_from_index(search, story)
    found = search.client(story.tenant.admin)
    assert await story.find(found, "zebra") == []
    before = await list_revisions(search.database, story)

    assert await rewrite(search.database, store, portion_rows=3)  # and whoever comes next goes on there
    assert sum(1 for name, now in (await list_revisions(search.database, story)).items() if now != before[name]) == 3
    await rewrite_all(search.database, store)

    await store.refresh()
    assert set(await story.find(found, "zebra")) == {f"zebra-{number}" for number in range(7)}
    after = await list_revisions(search.database, story)
    for name, (revision, _) in before.items():
        again = 0 if name in {"pipeline", "gone"} else 1
        assert after[name] == (revision + again, revision + again), name
    assert not await rewrite(search.database, store)
    assert await list_revisions(search.database, story) == after


async def test_no_table_is_unprotected(search: Kit) -> None:
    assert await search.list_unprotected() == []
    assert await search.list_unwalled() == []
