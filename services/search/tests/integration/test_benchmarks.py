"""The benchmarks that need Elasticsearch run, at a size whose figures say nothing."""

import pytest
from benchmarks import indexing, searching
from benchmarks.arena import prepared

pytestmark = pytest.mark.engines


async def test_search_and_suggest_beside_elasticsearch_alone(
    postgres_admin_dsn: str, elasticsearch_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OFFICE_RECORDS": 100,
        "OWNERS": 6,
        "REPORTS": 4,
        "SECONDS": 0.1,
        "ROUNDS": 1,
        "EACH": 1,
    }.items():
        monkeypatch.setattr(searching, name, value)
    async with prepared("search", postgres_admin_dsn) as arena:
        rows = await searching.run(arena, elasticsearch_url, documents=200)
    assert [row.what for row in rows] == [
        f"{kind}, {who}" for who in ("ADMIN", "MANAGER of 4", "REP") for kind in ("search", "suggest")
    ]


async def test_from_the_bus_to_the_index_beside_a_bare_bulk(
    postgres_admin_dsn: str, elasticsearch_url: str, kafka_bootstrap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RECORDS": 60, "ROUNDS": 1}.items():
        monkeypatch.setattr(indexing, name, value)
    async with prepared("search", postgres_admin_dsn, kafka_bootstrap) as arena:
        (row,) = await indexing.run(arena, elasticsearch_url)
    assert row.ours.endswith("events/s")
