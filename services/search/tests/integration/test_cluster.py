"""A cluster of three nodes: one dies, and searches and writes go on."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from crm_local.engines import Elasticsearch
from crm_search.app import make_app
from crm_search.consumers import index_records
from crm_search.index import open_client, prepare_index
from crm_search.settings import SearchSettings
from crm_search.store import AWAY, DocumentStore
from crm_testing.published_records import PublishedRecord
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit, running_service
from crm_testing.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.faults]

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


@pytest.fixture
def nodes() -> Iterator[list[Elasticsearch]]:
    home = Path(tempfile.mkdtemp(prefix="crm-cluster-"))
    home.chmod(0o755)  # the engines' account has to pass through
    nodes = Elasticsearch.make_cluster(home, 3, heap_mb=256)
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ready()
        yield nodes
    finally:
        for node in nodes:
            node.kill()
        shutil.rmtree(home, ignore_errors=True)


async def test_a_node_dies_and_search_goes_on(postgres_admin_dsn: str, nodes: list[Elasticsearch]) -> None:
    async with (
        running_service(
            SearchSettings,
            make_app,
            MIGRATIONS,
            admin_dsn=postgres_admin_dsn,
            elasticsearch_url=",".join(node.url for node in nodes),
            elasticsearch_replicas="1-all",
            elasticsearch_timeout_s=30,
        ) as kit,
        open_client(kit.settings, timeout_s=30) as client,
    ):
        name = await prepare_index(client, kit.settings)
        store = DocumentStore(client, kit.settings.index_prefix)
        story = SearchStory(await kit.seed_tenant())
        rep = kit.client(story.tenant.rep)
        await index_records([story.add("before", "company", name="Zebra").publish()], kit.database, store)
        await client.cluster.health(index=name, wait_for_nodes="3", wait_for_status="green", timeout="60s")
        await store.refresh()
        shards = (await client.search_shards(index=name)).body
        [[primary]] = [[one["node"] for one in copies if one["primary"]] for copies in shards["shards"]]
        doomed = next(node for node in nodes if shards["nodes"][primary]["name"] == node.home.name)

        await asyncio.to_thread(doomed.kill)

        for _ in range(6):  # each of the nodes is asked in its turn, the dead one too
            assert await story.find(rep, "zebra") == ["before"]
        await write(story.add("after", "company", name="Zebra"), kit, store)

        async def are_both_found() -> bool:
            return set(await story.find(rep, "zebra")) == {"before", "after"}

        await wait_until(are_both_found)
        assert (await kit.client_with(None).get("/readyz")).status_code == 200


async def write(record: PublishedRecord, kit: ServiceKit[SearchSettings], store: DocumentStore) -> None:
    """Come again as the bus does, until the cluster has chosen another copy of what the dead node led."""
    async with asyncio.timeout(60):
        while True:
            try:
                return await index_records([record.publish()], kit.database, store)
            except AWAY:
                await asyncio.sleep(0.2)
