"""What search still shows and its owner has no more is found, and with --heal taken away; the rest stays."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_search.repairs import opening_projections
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.features.replicas.owner_lists import OwnerDiffers, OwnerLists
from crm_shared.features.replicas.repair import Differences, repair
from crm_testing.owners import ME, PROBLEM, OwnerStandIn, path_of
from crm_testing.people import SeededTenant
from crm_testing.published_records import PUBLISHED_AT, PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Publish = Callable[..., Awaitable[None]]
Kit = ServiceKit[SearchSettings]


@pytest.fixture
def owners(tenant: SeededTenant) -> OwnerStandIn:
    owners = OwnerStandIn()
    owners.know_caller(tenant, "ADMIN")
    return owners


@asynccontextmanager
async def asking(search: Kit, answer: Callable[[httpx.Request], httpx.Response], folder: Path) -> AsyncIterator[Any]:
    (folder / "token").write_text("token\n")
    lists = OwnerLists(search.settings, folder / "token", transport=httpx.MockTransport(answer))
    async with lists, opening_projections(search.settings) as (database, projections):

        async def run(tenant_id: UUID, *, heal: bool) -> Differences:
            return await repair(
                database, projections, lists, tenant_id=tenant_id, heal=heal, progress=lambda _: None, settle_s=0
            )

        yield run


async def test_a_repair_takes_away_what_owners_have_no_more_and_nothing_else(
    search: Kit, store: DocumentStore, tenant: SeededTenant, owners: OwnerStandIn, publish: Publish, tmp_path: Path
) -> None:
    story = SearchStory(tenant)
    kept = [story.add(f"kept {number}", "contact", first_name="Zebra") for number in range(5)]
    gone = story.add("gone", "contact", first_name="Zebra")
    note = story.add("note", "activity", subject="Zebra", occurred_at=PUBLISHED_AT)
    deal = story.add("deal", "deal", name="Zebra", pipeline_id=tenant.id, stage_id=tenant.id)
    await publish(*story.events())
    erased = PublishedRecord("activity", tenant.id, note.state)
    erased.change(subject=None, erased_at=PUBLISHED_AT)
    newer = PublishedRecord("deal", tenant.id, deal.state)
    newer.change(name="Quagga")
    owners.have(*kept, erased, newer)
    client = search.client(tenant.admin)
    everything = {*(f"kept {number}" for number in range(5)), "gone", "note", "deal"}

    async with asking(search, owners.answer, tmp_path) as run:
        found = await run(tenant.id, heal=False)
        assert found.orphans == {"contact": [gone.id], "company": [], "deal": [], "activity": []}
        assert found.behind == {"contact": [], "company": [], "deal": [deal.id], "activity": [note.id]}
        assert len(list(found.lines())) == found.count == 3
        differing = (path_of("contact", gone.id), path_of("deal", deal.id), path_of("activity", note.id))
        assert set(owners.asked) == {ME, *differing}
        assert set(await story.find(client, "zebra")) == everything

        assert (await run(tenant.id, heal=True)).count == 3
        assert (await run(tenant.id, heal=True)).count == 0

    await store.refresh()
    assert set(await story.find(client, "zebra")) == {f"kept {number}" for number in range(5)}
    assert await story.find(client, "quagga") == ["deal"]
    await publish(gone.change(), replace(gone.change(), type="crm.contact.restored"))
    assert set(await story.find(client, "zebra")) == {*(f"kept {number}" for number in range(5)), "gone"}


@pytest.mark.parametrize(
    ("status", "headers"), [(404, {"content-type": "text/html"}), (403, PROBLEM), (401, PROBLEM), (422, PROBLEM)]
)
async def test_an_answer_that_is_not_the_owners_takes_nothing_away(
    search: Kit,
    tenant: SeededTenant,
    owners: OwnerStandIn,
    publish: Publish,
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
) -> None:
    story = SearchStory(tenant)
    story.add("contact", "contact", first_name="Zebra")
    await publish(*story.events())

    def answer(request: httpx.Request) -> httpx.Response:
        is_record = len(request.url.path.split("/")) > len(["", "v1", "contacts"])
        return httpx.Response(status, headers=headers) if is_record else owners.answer(request)

    async with asking(search, answer, tmp_path) as run:
        with pytest.raises(OwnerDiffers, match=str(status)):
            await run(tenant.id, heal=True)
    assert await story.find(search.client(tenant.admin), "zebra") == ["contact"]


async def test_a_repair_asks_as_an_admin_of_that_tenant_alone(
    search: Kit, tenant: SeededTenant, owners: OwnerStandIn, tmp_path: Path
) -> None:
    async with asking(search, owners.answer, tmp_path) as run:
        with pytest.raises(OwnerDiffers, match="ADMIN"):
            await run(tenant.rep.id, heal=True)
        owners.know_caller(tenant, "REP")
        with pytest.raises(OwnerDiffers, match="ADMIN"):
            await run(tenant.id, heal=True)
