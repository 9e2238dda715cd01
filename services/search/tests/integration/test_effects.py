"""`crm-search why` says which version of an event's record is kept, and what of its document searches see."""

from unittest.mock import ANY

import pytest

from crm_search.consumers import index_records
from crm_search.effects import find_effects
from crm_search.indexes.cluster import IndexCluster
from crm_search.settings import SearchSettings
from crm_shared.features.event_tracking.parts import Effect
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[SearchSettings]
REFUSE = "UPDATE search_records SET rejection = 'too many fields' WHERE tenant_id = $1"


async def test_record_and_document_are_missing_until_they_are_there(apart: Kit, cluster: IndexCluster) -> None:
    story = SearchStory(await apart.seed_tenant())
    story.add("ines", "contact", first_name="Ines")
    (event,) = story.events()

    async def list_effects() -> list[tuple[str, str]]:
        return [(one.name, one.state) for one in await find_effects(apart.settings, event)]

    assert await list_effects() == [("search record", "missing")]
    await index_records([event], apart.database, cluster.store)
    await cluster.store.refresh()
    assert await list_effects() == [("search record", "there"), ("search document", "there")]
    await cluster.client.delete(index=cluster.alias, id=f"{story.tenant.id}:contact:{event.aggregate_id}", refresh=True)
    assert await find_effects(apart.settings, event) == [ANY, Effect("search document", "missing", "none")]
    async with apart.database.begin_as_worker() as transaction:
        await transaction.execute(REFUSE, story.tenant.id)
    assert ("search document", "failed") in await list_effects()
