"""Records are read in pieces, and documents made beside the event loop."""

import pytest

from crm_search import consumers, indexing
from crm_search.consumers import index_records
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_testing.loop_rounds import LoopRounds
from crm_testing.people import SeededTenant
from crm_testing.search_stories import SearchStory
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_so_many_records_are_read_in_a_round_and_no_document_is_made_in_one(
    search: ServiceKit[SearchSettings], store: DocumentStore, tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, made = LoopRounds(), LoopRounds()
    monkeypatch.setattr(consumers, "READ_AT_ONCE", 2)
    read.watch_in(monkeypatch, consumers, "to_record")
    made.watch_in(monkeypatch, indexing, "to_document")
    story = SearchStory(tenant)
    for number in range(7):
        story.add(f"contact {number}", "contact", first_name="Zoë")
    await index_records(story.events(), search.database, store)
    assert (read.calls, read.most) == (7, 2)
    assert made.calls >= 7
    assert made.most == 0
