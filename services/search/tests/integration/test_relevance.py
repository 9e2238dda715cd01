"""How high what was meant stands, class by class, in an office of some hundred records beside another tenant's.

`make bench ARGS="--only relevance"` asks the same of 50,000 records.
"""

from uuid import UUID

import pytest
from benchmarks.relevance.judgements import Judged, make_judgements
from benchmarks.relevance.measuring import Figure, compute_ndcg, fill, judge
from benchmarks.relevance.office import Office

from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore
from crm_testing.service_kit import ServiceKit

pytestmark = [pytest.mark.engines, pytest.mark.slow]

RECORDS, EACH = 600, 10
FLOOR = 0.9


@pytest.fixture(scope="module")
async def figures(search: ServiceKit[SearchSettings], store: DocumentStore) -> list[Figure]:
    tenant, noise = await search.seed_tenant(), await search.seed_tenant()
    office = Office(tenant.id, tenant.rep.id, records=RECORDS, seed=1)
    await fill(office, search.database, store)
    await fill(Office(noise.id, noise.rep.id, records=RECORDS // 4, seed=2), search.database, store)
    return await judge(search.client(tenant.admin), make_judgements(office, each=EACH, seed=3))


def test_what_is_meant_stands_in_front_in_every_class(figures: list[Figure]) -> None:
    weak = [
        (figure.kind, round(figure.ndcg, 3), [(one.judged.query, round(one.ndcg, 2)) for one in figure.missed])
        for figure in figures
        if figure.ndcg < FLOOR
    ]
    assert not weak
    assert len(figures) == 11
    assert {figure.queries for figure in figures} == {EACH}


def test_a_place_further_down_counts_less() -> None:
    assert compute_ndcg([True, False], 1) == 1
    assert compute_ndcg([False, True], 1) == pytest.approx(0.631, abs=0.001)
    assert compute_ndcg([True, True, False], 2) == 1
    assert compute_ndcg([True, False, True], 2) == pytest.approx(0.920, abs=0.001)
    assert compute_ndcg([], 1) == 0


def test_the_same_seed_makes_the_same_queries() -> None:
    def make(tenant: int, seed: int) -> list[Judged]:
        office = Office(UUID(int=tenant), UUID(int=tenant), records=RECORDS, seed=1)
        return make_judgements(office, each=2, seed=seed)

    assert make(1, 3) == make(2, 3)
    assert make(1, 3) != make(1, 4)
