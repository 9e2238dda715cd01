"""A new index takes the live one's place while both are written and searched, whoever dies on the way."""

import asyncio
import os
import random
import signal
import sys
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch
from services.search.tests.integration.rebuilding_kit import (
    all_along,
    count_differences,
    find_open,
    find_state,
    finish,
    publish_story,
    say,
    search_all_along,
    write_all_along,
)

from crm_search import index_registry
from crm_search.consumers import index_records
from crm_search.index import INDEX_VERSION, MAPPING
from crm_search.index_registry import State
from crm_search.indexes import runs
from crm_search.indexes.cluster import IndexCluster
from crm_search.indexes.rebuilding import advance, begin, begin_if_due, remove_old
from crm_search.indexes.verification import verify
from crm_search.settings import SearchSettings
from crm_shared.clock import new_id
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]


async def test_under_load_no_search_fails_nothing_is_lost_and_nothing_comes_back(
    apart: Kit, cluster: IndexCluster
) -> None:
    story = await publish_story(apart, cluster)
    before = await cluster.find_live()
    seen: list[set[str]] = []
    kept = {f"contact {number}" for number in range(20)}
    async with all_along(search_all_along(apart, story, kept, seen), write_all_along(apart, cluster, story)):
        refusals = await asyncio.gather(*(runs.rebuild(apart.database, cluster, progress=say) for _ in range(2)))
        await asyncio.sleep(0)
    assert refusals == [None, None]
    assert await cluster.find_live() != before
    assert len(seen) > 3
    left = [record.publish() for record in story.records.values()]  # what was cancelled may be in no row yet
    await index_records(left, apart.database, cluster.store)
    await cluster.store.refresh()
    assert await count_differences(apart, cluster) == 0
    there = {name for name, record in story.records.items() if record.state.get("deleted_at") is None} - {"company"}
    found = set(await story.find(apart.client(story.tenant.admin), "ines"))
    assert found & {name for name in story.records if name not in there} == set()
    assert {name for name in there if name.startswith("contact")} <= found


async def test_whoever_dies_at_any_moment_leaves_the_rest_to_the_next(apart: Kit, cluster: IndexCluster) -> None:
    story = await publish_story(apart, cluster)
    before = await cluster.find_live()
    chance, deaths, lasted_s = random.Random(3), 0, 0.05  # noqa: S311 - the same tale in every run
    index = await begin(apart.database, cluster)
    assert index is not None
    while await find_state(apart, index.name) in index_registry.OPEN:
        step = asyncio.create_task(advance(apart.database, cluster))
        await asyncio.wait([step], timeout=lasted_s * chance.random())
        deaths += step.cancel()
        await asyncio.gather(step, return_exceptions=True)
        began_s = asyncio.get_running_loop().time()
        await advance(apart.database, cluster)
        lasted_s = asyncio.get_running_loop().time() - began_s
        name = f"contact {chance.randrange(20)}"
        await index_records([story[name].change(last_name=f"Death {deaths}")], apart.database, cluster.store)
    assert deaths > 3
    assert await cluster.list_live() == [index.name]
    assert await find_state(apart, before) is State.KEPT
    assert await count_differences(apart, cluster) == 0


async def test_a_killed_command_is_finished_by_the_next_one(apart: Kit, cluster: IndexCluster) -> None:
    await publish_story(apart, cluster)
    before = await cluster.find_live()
    command = await run_command(apart, "rebuild")
    while (index := await find_open(apart)) is None:
        assert command.returncode is None
        await asyncio.sleep(0.02)
    command.send_signal(signal.SIGKILL)
    await command.wait()
    assert await cluster.list_live() == [before]

    command = await run_command(apart, "rebuild")
    output, errors = await command.communicate()
    assert command.returncode == 0, errors
    assert b"searches read the new index" in output
    assert b"documents written and compared" in errors
    assert await cluster.list_live() == [index.name]
    assert await count_differences(apart, cluster) == 0


async def run_command(kit: Kit, *arguments: str) -> asyncio.subprocess.Process:
    settings = kit.settings
    environment = {
        **os.environ,
        "CRM_SEARCH_WORKER_DSN": settings.worker_dsn.get_secret_value(),
        "CRM_ELASTICSEARCH_URL": settings.elasticsearch_url,
        "CRM_SEARCH_INDEX_PREFIX": settings.index_prefix,
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "crm_search.cli", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_the_command_that_compares_ends_with_one_where_anything_differs(
    apart: Kit, cluster: IndexCluster
) -> None:
    story, other = await publish_story(apart, cluster, contacts=2), await publish_story(apart, cluster, contacts=1)
    key = f"contact:{new_id()}"
    document = {"tenant_id": str(story.tenant.id), "type": "contact", "key": key}
    address = f"{story.tenant.id}:{key}"
    await cluster.client.index(
        index=cluster.alias, id=address, document=document, version=1, version_type="external", refresh=True
    )
    expected = [
        (["--tenant", str(other.tenant.id)], 0, "0 differ"),
        (["--tenant", str(story.tenant.id)], 1, f"tenant {story.tenant.id}: contact: 1 left over (2 rows"),
        (["--tenant", str(story.tenant.id), "--heal"], 0, "0 differ, 1 were brought in line"),
    ]
    for arguments, status, printed in expected:
        command = await run_command(apart, "verify", *arguments)
        output, errors = await command.communicate()
        assert (command.returncode, printed in output.decode()) == (status, True), (output, errors)
    assert not await cluster.client.exists(index=cluster.alias, id=address)


async def test_an_index_that_refuses_what_the_live_one_has_never_takes_its_place(
    apart: Kit, cluster: IndexCluster
) -> None:
    """An index of another shape stands for a mapping that turned out wrong."""
    await publish_story(apart, cluster)
    before = await cluster.find_live()
    index = await begin(apart.database, cluster)
    assert index is not None
    narrow = {name: field for name, field in MAPPING["properties"].items() if name != "company"}
    await cluster.client.indices.create(index=index.name, mappings={**MAPPING, "properties": narrow})

    refusal = await runs.rebuild(apart.database, cluster, progress=say)

    assert refusal is not None
    assert "20 missing" in refusal
    assert await cluster.list_live() == [before]
    assert not await advance(apart.database, cluster)  # it is left alone for a while
    assert await runs.abandon(apart.database) == index.name
    await remove_old(apart.database, cluster)
    assert not await cluster.client.indices.exists(index=index.name)
    assert await count_differences(apart, cluster) == 0


async def make_live_older(client: AsyncElasticsearch, name: str, **properties: Any) -> None:
    meta = {"version": INDEX_VERSION - 1}
    await client.indices.put_mapping(index=name, meta=meta, properties=properties)


async def test_a_raised_version_is_filled_beside_the_live_index_by_itself(apart: Kit, cluster: IndexCluster) -> None:
    story = await publish_story(apart, cluster)
    before = await cluster.find_live()
    await make_live_older(cluster.client, before)
    await begin_if_due(apart.database, cluster)
    await begin_if_due(apart.database, cluster)  # a second `migrate`, the first one killed perhaps
    index = await find_open(apart)
    assert index is not None
    assert index.form == INDEX_VERSION
    await advance(apart.database, cluster)
    assert await find_state(apart, index.name) is State.FILLING

    await index_records([story.add("late", "contact", first_name="Ines").publish()], apart.database, cluster.store)
    await cluster.store.refresh()
    assert await cluster.list_live() == [before]
    assert "late" in await story.find(apart.client(story.tenant.admin), "ines")
    await finish(apart, cluster)

    assert await cluster.list_live() == [index.name]
    assert await count_differences(apart, cluster) == 0
    await begin_if_due(apart.database, cluster)
    assert await find_open(apart) is None


async def test_documents_that_only_the_new_index_takes_are_refused_by_none(apart: Kit, cluster: IndexCluster) -> None:
    """A field of another kind: the live index can't take it, and no event is a dead letter for that."""
    story = await publish_story(apart, cluster, contacts=2)
    name = f"{cluster.alias}-v-narrow"
    narrow = {name: field for name, field in MAPPING["properties"].items() if name != "company"}
    meta = {"version": INDEX_VERSION - 1}
    await cluster.client.indices.create(index=name, mappings={**MAPPING, "_meta": meta, "properties": narrow})
    await cluster.swap(name)
    await begin_if_due(apart.database, cluster)
    await advance(apart.database, cluster)

    await index_records([story["contact 0"].change(last_name="Late")], apart.database, cluster.store)
    await finish(apart, cluster)

    assert await cluster.find_live() != name
    assert await count_differences(apart, cluster) == 0


async def test_the_former_index_is_kept_for_a_day_and_longer_where_it_is_live_again(
    apart: Kit, cluster: IndexCluster
) -> None:
    await publish_story(apart, cluster, contacts=1)
    former = await cluster.find_live()
    assert await runs.rebuild(apart.database, cluster, progress=say) is None
    newer = await cluster.find_live()
    await remove_old(apart.database, cluster)
    assert await cluster.client.indices.exists(index=former)

    await cluster.swap(former)
    await remove_old(apart.database, cluster, kept_s=0)
    assert await cluster.client.indices.exists(index=former)

    await cluster.swap(newer)
    await remove_old(apart.database, cluster, kept_s=0)
    assert not await cluster.client.indices.exists(index=former)
    assert await find_state(apart, former) is None


async def test_an_index_that_vanishes_while_it_is_filled_is_made_again_and_holds_up_nobody(
    apart: Kit, cluster: IndexCluster
) -> None:
    story = await publish_story(apart, cluster)
    index = await begin(apart.database, cluster)
    assert index is not None
    await advance(apart.database, cluster)
    await cluster.client.indices.delete(index=index.name)
    await index_records([story["contact 0"].change(last_name="Late")], apart.database, cluster.store)
    await finish(apart, cluster)
    assert await cluster.list_live() == [index.name]
    assert await count_differences(apart, cluster) == 0


async def test_one_tenants_documents_are_written_again_and_nobody_elses(apart: Kit, cluster: IndexCluster) -> None:
    mine, other = await publish_story(apart, cluster), await publish_story(apart, cluster)
    live = await cluster.find_live()
    for story in (mine, other):
        address = f"{story.tenant.id}:contact:{story['contact 7'].id}"
        version = (await cluster.client.get(index=live, id=address))["_version"]
        await cluster.client.index(  # what nobody finds
            index=live, id=address, document={"form": 1}, version=version, version_type="external_gte", refresh=True
        )
    await runs.rewrite_tenant(apart.database, cluster, mine.tenant.id, progress=say)
    await cluster.store.refresh()
    assert "contact 7" in await mine.find(apart.client(mine.tenant.admin), "ines")
    assert "contact 7" not in await other.find(apart.client(other.tenant.admin), "ines")
    async for one in verify(apart.database, cluster, heal=True, progress=say):
        assert one.counts.healed == int((one.tenant_id, one.type) == (other.tenant.id, "contact"))
