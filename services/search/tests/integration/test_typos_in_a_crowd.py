"""A misspelt name is found however many words of others are as near, and many words are not refused for them."""

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations, islice, product

import pytest

from crm_search.consumers import index_records
from crm_search.matching import to_search_query
from crm_search.settings import SearchSettings
from crm_search.store import NEAREST_WORDS, DocumentStore, TooManyClauses, Visibility
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

NAMES = (
    *("Zandenberg", "Quistorfen", "Wolkenstein", "Marchetelli", "Brandecourt", "Hollendorff", "Petersonius"),
    *("Lichtenwald", "Grunderson", "Vanderhoeven", "Castellanos", "Ferrandini"),
)
NEAR = 1500
"""Words of others within two letters of each as it is typed: more than a thousand, in sum more than a node compares."""
WORDS_A_NOTE = 500


def misspell(name: str) -> str:
    return f"{name[:4]}{name[5]}{name[4]}{name[6:]}"


def list_near(name: str) -> Iterator[str]:
    """Yield words with two letters of it changed, but not the first."""
    for first, second in combinations(range(1, len(name)), 2):
        for one, other in product(string.ascii_lowercase, repeat=2):
            if one != name[first] and other != name[second]:
                letters = list(name)
                letters[first], letters[second] = one, other
                yield "".join(letters)


@pytest.fixture(scope="module")
async def crowded(search: ServiceKit[SearchSettings], store: DocumentStore) -> SeededTenant:
    """Have another tenant's notes of thousands of words that are as near to the names as a misspelt one."""
    tenant, noise = await search.seed_tenant(), await search.seed_tenant()
    words = [word for name in NAMES for word in islice(list_near(misspell(name)), NEAR)]
    notes = [
        PublishedRecord.new(
            "activity",
            noise.id,
            user_id=noise.rep.id,
            subject="Words",
            body=" ".join(words[begin : begin + WORDS_A_NOTE]),
        )
        for begin in range(0, len(words), WORDS_A_NOTE)
    ]
    own = [
        PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id, first_name="Ann", last_name=name)
        for name in NAMES
    ]
    full = PublishedRecord.new("activity", tenant.id, user_id=tenant.rep.id, subject="All", body=" ".join(NAMES))
    await index_records([record.publish() for record in (*notes, *own, full)], search.database, store)
    await store.refresh()
    return tenant


@pytest.mark.parametrize("name", NAMES)
async def test_one_letter_wrong_is_nearer_than_two(
    search: ServiceKit[SearchSettings], crowded: SeededTenant, name: str
) -> None:
    answer = require_ok(await search.client(crowded.rep).get("/v1/search", params={"q": misspell(name)}))
    assert [item["title"] for item in answer["items"]] == [f"Ann {name}", "All"]


async def test_more_words_than_a_node_compares_at_once_are_asked_in_the_slower_way(
    search: ServiceKit[SearchSettings], crowded: SeededTenant, store: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = " ".join(misspell(name) for name in NAMES)
    visibility = Visibility(crowded.id, crowded.rep.id, None)
    query = to_search_query(asked, phone=None, visibility=visibility, now=datetime.now(UTC))
    with monkeypatch.context() as without:
        without.setattr("crm_search.store.EVERY_WORD", NEAREST_WORDS)
        with pytest.raises(TooManyClauses):
            await store.search(visibility, query, limit=1)
    answer = require_ok(await search.client(crowded.rep).get("/v1/search", params={"q": asked}))
    assert [item["title"] for item in answer["items"]] == ["All"]
