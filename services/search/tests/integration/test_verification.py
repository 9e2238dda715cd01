"""Whatever differs between rows and documents is found and mended, a tenant at a time, while both are written."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from crm_search.bulk import Write
from crm_search.cli import main
from crm_search.consumers import index_records
from crm_search.index import INDEX_VERSION
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.comparing import Part, compare_page
from crm_search.indexes.counts import KINDS, Counts
from crm_search.indexes.documents import IndexReader
from crm_search.indexes.verification import verify, watch
from crm_search.records import FIRST_ID
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_shared.clock import new_id
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
Damage = Callable[[IndexCluster, SearchStory], Awaitable[None]]


async def compare(kit: Kit, cluster: IndexCluster, tenant_id: Any = None, *, heal: bool = False) -> Counts:
    """Return all that `verify` counts, in pages of three."""
    total = Counts()
    found = verify(kit.database, cluster, tenant_id=tenant_id, heal=heal, progress=lambda _: None, page_rows=3)
    async for one in found:
        total.add(one.counts)
    return total


async def publish_story(kit: Kit, cluster: IndexCluster) -> SearchStory:
    story = SearchStory(await kit.seed_tenant())
    company = story.add("company", "company", name="Zebra GmbH")
    for number in range(7):
        story.add(f"contact {number}", "contact", first_name=f"Ines {number}", company_id=company.id)
    gone = story.add("gone", "contact", first_name="Gone")
    await index_records([*story.events(), gone.delete()], kit.database, cluster.store)
    return story


def address_of(story: SearchStory, name: str) -> str:
    record = story[name]
    return f"{story.tenant.id}:{record.aggregate}:{record.id}"


async def read(cluster: IndexCluster, address: str) -> tuple[dict[str, Any], int]:
    """Return what a document is made of as far as comparing reads it, and its version."""
    tenant, aggregate, record = address.split(":")
    found = await cluster.client.get(index=cluster.alias, id=address)
    return {"tenant_id": tenant, "type": aggregate, "key": f"{aggregate}:{record}", "form": INDEX_VERSION}, found[
        "_version"
    ]


async def put(cluster: IndexCluster, address: str, document: dict[str, Any], version: int) -> None:
    await cluster.client.index(
        index=cluster.alias, id=address, document=document, version=version, version_type="external_gte"
    )


async def take_away(cluster: IndexCluster, story: SearchStory) -> None:
    address = address_of(story, "contact 3")
    _, version = await read(cluster, address)
    await cluster.client.delete(index=cluster.alias, id=address, version=version, version_type="external_gte")


async def make_other_text(cluster: IndexCluster, story: SearchStory) -> None:
    address = address_of(story, "contact 3")
    await put(cluster, address, *await read(cluster, address))


async def make_newer(cluster: IndexCluster, story: SearchStory) -> None:
    """Leave what is left in the index after the database went back to an earlier moment."""
    address = address_of(story, "contact 3")
    document, version = await read(cluster, address)
    await put(cluster, address, document, version + 5)


async def update_by_hand(cluster: IndexCluster, story: SearchStory) -> None:
    """Lose the tenant: what a document was made of is not kept in it, so an update is made of a part."""
    for status in ("A", "B", "C"):
        await cluster.client.update(index=cluster.alias, id=address_of(story, "contact 3"), doc={"status": status})


async def lose_tenant(cluster: IndexCluster, story: SearchStory) -> None:
    address = address_of(story, "contact 3")
    _, version = await read(cluster, address)
    await put(cluster, address, {"form": INDEX_VERSION}, version + 9)


async def delete_by_hand(cluster: IndexCluster, story: SearchStory) -> None:
    for _ in range(3):
        await cluster.client.options(ignore_status=404).delete(index=cluster.alias, id=address_of(story, "contact 3"))


async def make_older_form(cluster: IndexCluster, story: SearchStory) -> None:
    address = address_of(story, "contact 3")
    document, version = await read(cluster, address)
    await put(cluster, address, {**document, "form": 1}, version)


async def bring_back(cluster: IndexCluster, story: SearchStory) -> None:
    document, _ = await read(cluster, address_of(story, "contact 3"))
    key = address_of(story, "gone").partition(":")[2]
    await put(cluster, address_of(story, "gone"), {**document, "key": key}, 9)


async def invent(cluster: IndexCluster, story: SearchStory) -> None:
    key = f"contact:{new_id()}"
    document = {"tenant_id": str(story.tenant.id), "type": "contact", "key": key, "form": INDEX_VERSION}
    await put(cluster, f"{story.tenant.id}:{key}", document, 1)


async def misplace(cluster: IndexCluster, story: SearchStory) -> None:
    document, version = await read(cluster, address_of(story, "contact 3"))
    await put(cluster, f"{new_id()}:{document['key']}", document, version)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        (take_away, "missing"),
        (update_by_hand, "missing"),
        (lose_tenant, "missing"),
        (delete_by_hand, "missing"),
        (make_other_text, "stale"),
        (make_newer, "stale"),
        (make_older_form, "stale"),
        (bring_back, "left_over"),
        (invent, "left_over"),
        (misplace, "foreign"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
async def test_a_difference_is_found_named_and_mended(
    apart: Kit, cluster: IndexCluster, damage: Damage, kind: str
) -> None:
    story = await publish_story(apart, cluster)
    whole = await compare(apart, cluster, story.tenant.id)
    assert (whole.rows, whole.documents, whole.differences) == (8, 8, 0)
    assert whole.row_checksum == whole.document_checksum != 0

    await damage(cluster, story)
    await cluster.store.refresh()
    found = await compare(apart, cluster, story.tenant.id)
    assert {one: getattr(found, one) for one in KINDS} == {one: int(one == kind) for one in KINDS}
    assert (await compare(apart, cluster, story.tenant.id, heal=True)).healed == 1

    again = await compare(apart, cluster, story.tenant.id)
    assert (again.rows, again.documents, again.differences) == (8, 8, 0)
    client = apart.client(story.tenant.admin)
    await cluster.store.refresh()
    assert set(await story.find(client, "ines")) == {f"contact {number}" for number in range(7)}
    assert await story.find(client, "gone") == []


class Overtaken(DocumentStore):
    """Somebody writes to the index by hand before each of the first writes."""

    def __init__(self, cluster: IndexCluster, address: str, *, times: int) -> None:
        super().__init__(cluster.client, cluster.alias)
        self._address = address
        self._times = times

    async def write(
        self, writes: Sequence[Write], *, read_at_s: float | None = None, replaces_same: bool = False
    ) -> list[str | None]:
        if self._times:
            self._times -= 1
            for status in ("A", "B", "C"):
                await self._client.update(index=self._alias, id=self._address, doc={"status": status})
        return await super().write(writes, read_at_s=read_at_s, replaces_same=replaces_same)


@pytest.mark.parametrize(("times", "healed"), [(1, 1), (100, 0)])
async def test_healing_that_is_overtaken_is_tried_again_and_then_told_of(
    apart: Kit, cluster: IndexCluster, times: int, healed: int
) -> None:
    story = await publish_story(apart, cluster)
    await update_by_hand(cluster, story)
    await cluster.store.refresh()
    name = await cluster.find_live()
    part = Part(apart.database, IndexReader(cluster.client, name), story.tenant.id, "contact", INDEX_VERSION)
    store = Overtaken(cluster, address_of(story, "contact 3"), times=times)
    _, found = await compare_page(part, FIRST_ID, heals=store)
    assert (found.healed, found.missing) == (healed, 1 - healed)
    assert (await compare(apart, cluster, story.tenant.id)).missing == 1 - healed


@pytest.mark.parametrize("command", [["verify"], ["verify", "--heal"], ["rebuild"]], ids=" ".join)
async def test_the_commands_know_no_tenant_that_search_does_not(
    apart: Kit, cluster: IndexCluster, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("CRM_SEARCH_WORKER_DSN", apart.settings.worker_dsn.get_secret_value())
    monkeypatch.setenv("CRM_ELASTICSEARCH_URL", apart.settings.elasticsearch_url)
    monkeypatch.setenv("CRM_SEARCH_INDEX_PREFIX", cluster.alias)
    known, unknown = (await apart.seed_tenant()).id, new_id()
    answer = await asyncio.to_thread(CliRunner().invoke, main, [*command, "--tenant", str(unknown)])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert f"nothing is known here of tenant {unknown}" in answer.stderr
    answer = await asyncio.to_thread(CliRunner().invoke, main, [*command, "--tenant", str(known)])
    assert (answer.exit_code, answer.stdout.startswith("0 differ")) == (0, True)


async def test_documents_of_a_tenant_that_no_row_is_of_are_left_over(apart: Kit, cluster: IndexCluster) -> None:
    tenant_id, key = new_id(), f"deal:{new_id()}"
    await put(
        cluster,
        f"{tenant_id}:{key}",
        {"tenant_id": str(tenant_id), "type": "deal", "key": key, "form": INDEX_VERSION},
        1,
    )
    assert (await compare(apart, cluster)).left_over == 1
    assert (await compare(apart, cluster, heal=True)).healed == 1
    assert (await compare(apart, cluster)).differences == 0


async def test_what_is_written_meanwhile_is_no_difference(apart: Kit, cluster: IndexCluster) -> None:
    story = await publish_story(apart, cluster)
    comparing = asyncio.create_task(compare_three_times(apart, cluster, story))
    number = 0
    while not comparing.done():
        number += 1
        event = story[f"contact {number % 7}"].change(last_name=f"Change {number}")
        await index_records([event], apart.database, cluster.store)
    assert await comparing == 0


async def compare_three_times(kit: Kit, cluster: IndexCluster, story: SearchStory) -> int:
    return sum([(await compare(kit, cluster, story.tenant.id)).differences for _ in range(3)])


async def test_workers_compare_each_part_once_an_hour_in_turn(apart: Kit, cluster: IndexCluster) -> None:
    story = await publish_story(apart, cluster)
    await finish(apart, cluster, every_s=3600)
    await take_away(cluster, story)
    await cluster.store.refresh()
    await finish(apart, cluster, every_s=3600)
    assert REGISTRY.get_sample_value("crm_search_differences", {"kind": "missing"}) == 0  # nothing was due
    while REGISTRY.get_sample_value("crm_search_differences", {"kind": "missing"}) != 1:
        await finish(apart, cluster, every_s=0, rounds=1)
    await compare(apart, cluster, story.tenant.id, heal=True)


async def finish(kit: Kit, cluster: IndexCluster, *, every_s: float, rounds: int = 1000) -> None:
    """Do what two workers do, until neither has anything to do, or for so many rounds."""

    async def work() -> None:
        for _ in range(rounds):
            if not await watch(kit.database, cluster, every_s=every_s):
                return

    await asyncio.gather(work(), work())
