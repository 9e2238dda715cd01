"""What the index holds, as tests read it."""

from typing import Any

from elasticsearch import AsyncElasticsearch

from crm_search.settings import SearchSettings
from crm_shared.database import Database
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

Kit = ServiceKit[SearchSettings]


async def read_index(client: AsyncElasticsearch, kit: Kit, tenant_id: object) -> dict[str, Any]:
    """Return every document of a tenant by its id: what it shows, and its version."""
    alias = kit.settings.index_prefix
    await client.indices.refresh(index=alias)
    answer = await client.search(index=alias, query={"term": {"tenant_id": str(tenant_id)}}, size=100, version=True)
    return {hit["_id"]: (hit["_source"], hit["_version"]) for hit in answer.body["hits"]["hits"]}


async def count_dirty(database: Database, story: SearchStory) -> int:
    async with database.read_as_worker() as connection:
        count = await connection.fetchval(
            "SELECT count(*) FROM search_records WHERE tenant_id = $1 AND indexed_revision < revision", story.tenant.id
        )
    return int(count)
