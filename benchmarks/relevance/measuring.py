"""Has the search service answer judged queries, and says how high what was meant stands."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import httpx

from benchmarks.relevance.judgements import Judged
from benchmarks.relevance.office import Office
from crm_search.consumers import index_records
from crm_search.store import DocumentStore
from crm_shared.database import Database
from crm_testing.answers import require_ok

PAGE = 10
BATCH = 500


@dataclass(frozen=True, slots=True)
class Missed:
    """A query that did not have all that was meant in front."""

    judged: Judged
    ndcg: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One class's mean nDCG@10, and the queries below 1."""

    kind: str
    queries: int
    ndcg: float
    missed: Sequence[Missed]


async def fill(office: Office, database: Database, store: DocumentStore) -> None:
    """Bring an office's records to the index as the worker does."""
    made = office.all
    for begin in range(0, len(made), BATCH):
        await index_records([one.record.publish() for one in made[begin : begin + BATCH]], database, store)
    await store.refresh()


async def judge(client: httpx.AsyncClient, judgements: Sequence[Judged]) -> list[Figure]:
    """Ask every query and return each class's figure, in the order of the judgements."""
    measured: dict[str, list[Missed]] = defaultdict(list)
    for judged in judgements:
        measured[judged.kind].append(Missed(judged, await _ask(client, judged)))
    return [
        Figure(kind, len(all_), sum(one.ndcg for one in all_) / len(all_), [one for one in all_ if one.ndcg < 1])
        for kind, all_ in measured.items()
    ]


async def _ask(client: httpx.AsyncClient, judged: Judged) -> float:
    answer = require_ok(await client.get("/v1/search", params={"q": judged.query, "limit": PAGE}))
    return compute_ndcg([item["id"] in judged.meant for item in answer["items"]], len(judged.meant))


def compute_ndcg(is_meant: Sequence[bool], meant: int) -> float:
    """Discount what was meant by its place, to the best order that could be."""
    best = sum(1 / log2(place + 2) for place in range(min(PAGE, meant)))
    return sum(1 / log2(place + 2) for place, good in enumerate(is_meant) if good) / best
