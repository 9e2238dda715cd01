"""Elasticsearch dies and comes back: callers hear so, nothing is lost, nothing is dead-lettered, no restart."""

import asyncio
import uuid
from pathlib import Path
from typing import Final

import pytest

from crm_local.engines.native import native_engines
from crm_search.app import make_app
from crm_search.consumers import index_records
from crm_search.index import open_client, prepare_index
from crm_search.settings import SearchSettings
from crm_search.store import AWAY, DocumentStore
from crm_search.worker import heal
from crm_shared.bus import is_transient
from crm_testing.answers import require_ok, require_problem
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import running_service

pytestmark = [pytest.mark.engines, pytest.mark.faults]

MIGRATIONS: Final = Path(__file__).parents[2] / "migrations" / "versions"


async def test_elasticsearch_killed_and_back(postgres_admin_dsn: str) -> None:
    with native_engines("elasticsearch") as engines:
        url = await asyncio.to_thread(lambda: engines.elasticsearch_url)
        async with (
            running_service(
                SearchSettings,
                make_app,
                MIGRATIONS,
                admin_dsn=postgres_admin_dsn,
                elasticsearch_url=url,
                index_prefix=f"test-outage-{uuid.uuid4().hex[:12]}",
            ) as kit,
            open_client(kit.settings, timeout_s=30) as client,
        ):
            await prepare_index(client, kit.settings)
            store = DocumentStore(client, kit.settings.index_prefix)
            story = SearchStory(await kit.seed_tenant())
            rep = kit.client(story.tenant.rep)
            await index_records([story.add("before", "company", name="Zebra").publish()], kit.database, store)
            await store.refresh()
            assert await story.find(rep, "zebra") == ["before"]

            await asyncio.to_thread(engines.elasticsearch.kill)

            for path in ("/v1/search", "/v1/search/suggest"):
                answer = await rep.get(path, params={"q": "zebra"})
                require_problem(answer, 503, "unavailable")
                assert int(answer.headers["retry-after"]) > 0
            ready = await kit.client_with(None).get("/readyz")
            assert ready.status_code == 503
            assert ready.json()["checks"]["database"] == "ok"
            during = story.add("during", "company", name="Zebra").publish()
            with pytest.raises(AWAY) as raised:
                await index_records([during], kit.database, store)
            assert is_transient(raised.value)
            healing = asyncio.create_task(heal(kit.database, store))

            await asyncio.to_thread(lambda: engines.elasticsearch.start().wait_ready())

            await asyncio.wait_for(healing, 60)  # without the event coming again: the row alone is enough
            await index_records([during], kit.database, store)
            await store.refresh()
            assert set(await story.find(rep, "zebra")) == {"before", "during"}
            assert require_ok(await kit.client_with(None).get("/readyz"))["status"] == "ok"
