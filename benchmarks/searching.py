"""Search and suggest among a million documents: our API, and beside it the same question put to Elasticsearch alone."""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, Literal
from urllib.parse import urlencode, urlsplit
from uuid import UUID, uuid4

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.relevance.judgements import make_judgements
from benchmarks.relevance.office import Made, Office
from benchmarks.size import sized
from crm_search.dirty_rows import SUMMARY_RELATIONS, DirtyRow
from crm_search.index import open_client, prepare_index
from crm_search.indexing import to_writes
from crm_search.matching import to_search_query, to_suggest_query
from crm_search.phones import parse_phone
from crm_search.projections import Summary, to_record
from crm_search.queries import FALLBACK_REGION, load_visibility
from crm_search.settings import SearchSettings
from crm_search.store import DocumentStore, Visibility
from crm_shared.access import Caller, Role
from crm_shared.database import Database
from crm_shared.json_text import to_json
from crm_testing.people import Person, make_person, seed_people

DOCUMENTS, OFFICE_RECORDS = sized((1_000_000, 50_000), tiny=(400, 200))
OWNERS, REPORTS = sized((1_100, 1_000), tiny=(12, 10))
EACH, SEED = sized(10, tiny=1), 23
SECONDS, ROUNDS = sized((10.0, 3), tiny=(0.1, 1))
BULK = 1000
PAGE = 20
SUGGESTED = 10
AIMS: Final = {"search": 1 / 1.5, "suggest": 1 / 2}
"""Of Elasticsearch's own p99 to ours."""

Kind = Literal["search", "suggest"]


@dataclass(frozen=True, slots=True)
class Target:
    """Where the index is: of this run alone."""

    url: str
    prefix: str

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None
        return port


class Recorder:
    """Stands for the client and keeps what the store would have asked."""

    def __init__(self) -> None:
        self.preference = ""
        self.body: Mapping[str, Any] = {}

    async def search(self, *, index: str, preference: str, **body: Any) -> Any:
        del index
        self.preference = preference
        self.body = {name: value for name, value in body.items() if value is not None}
        return SimpleNamespace(body={"hits": {"hits": []}, "aggregations": {}})


async def run(arena: Arena, elasticsearch_url: str, *, documents: int = DOCUMENTS) -> list[Row]:
    """Fill an index of its own, measure each caller's questions at both in turn, and leave nothing behind."""
    target = Target(elasticsearch_url, f"bench-search-{uuid4().hex[:12]}")
    settings = SearchSettings.model_construct(elasticsearch_url=target.url, index_prefix=target.prefix)
    database = await Database.open(arena.worker_dsn, max_size=2)
    async with open_client(settings, timeout_s=120) as client:
        name = await prepare_index(client, settings)
        try:
            callers, owner_ids = await _seed_people(arena, database)
            began_s = time.perf_counter()
            questions = await _fill(DocumentStore(client, target.prefix), arena.tenant.id, owner_ids, documents)
            print(f"filled in {time.perf_counter() - began_s:.0f} s", flush=True)
            return await _measure(arena, target, database, callers, questions)
        finally:
            await client.indices.delete(index=name)
            await database.close()


async def _seed_people(arena: Arena, database: Database) -> tuple[dict[str, Person], list[str]]:
    """Return who asks, by what they are called in the table, and the ids of all owners."""
    tenant = arena.tenant
    many = make_person(tenant.id, "Max Many", Role.MANAGER)
    owners = [
        make_person(tenant.id, f"Rep {n}", Role.REP, manager=many if n < REPORTS else None) for n in range(OWNERS)
    ]
    await seed_people(database, [many, *owners])
    callers = {"ADMIN": tenant.admin, f"MANAGER of {REPORTS:,}": many, "REP": owners[0]}
    return callers, [str(owner.id) for owner in owners]


async def _fill(
    store: DocumentStore, tenant_id: UUID, owner_ids: Sequence[str], documents: int
) -> dict[Kind, list[str]]:
    """Bring the documents over as the worker makes them; return what is asked for, which is in the first of them."""
    questions: dict[Kind, list[str]] = {}
    for number in range(documents // OFFICE_RECORDS):
        office = Office(tenant_id, UUID(owner_ids[0]), records=OFFICE_RECORDS, seed=SEED + number)
        writes = to_writes(to_rows(office, owner_ids, number))
        for begin in range(0, len(writes), BULK):
            await store.write(writes[begin : begin + BULK])
        questions = questions or {"search": _list_searches(office), "suggest": _list_beginnings(office)}
    await store.refresh()
    return questions


def to_rows(office: Office, owner_ids: Sequence[str], number: int) -> list[DirtyRow]:
    """Give each record an owner, and with it what it shows of others."""
    summaries: dict[str, Summary] = {}
    for at, made in enumerate(office.all):
        made.record.state["user_id" if made.record.aggregate == "activity" else "owner_id"] = UUID(
            owner_ids[(at * 7 + number) % len(owner_ids)]
        )
    rows = []
    for made in office.all:  # companies, contacts, deals, activities: what is referred to comes first
        record = to_record(made.record.publish())
        summaries[made.key] = record.summary
        related = {name: summaries.get(str(record.state.get(f"{name}_id"))) for name in SUMMARY_RELATIONS}
        rows.append(
            DirtyRow(
                *(record.tenant_id, record.type, record.id),
                revision=1,
                is_hidden=False,
                state=record.state,
                summaries=related,
                contacts=(),
                former=(),
            )
        )
    return rows


def _list_searches(office: Office) -> list[str]:
    """Return questions of all classes that relevance is judged by, mixed."""
    queries = [judged.query for judged in make_judgements(office, each=EACH, seed=SEED)]
    random.Random(SEED).shuffle(queries)  # noqa: S311 - a seed repeats it
    return queries


def _list_beginnings(office: Office) -> list[str]:
    """Return names as far as they were typed, from the first letter to the seventh."""
    chance = random.Random(SEED)  # noqa: S311 - a seed repeats it
    named: list[Made] = [*office.companies, *office.contacts]
    return [one.title[: 1 + number % 7] for number, one in enumerate(chance.sample(named, k=EACH * 10))]


async def _measure(
    arena: Arena, target: Target, database: Database, callers: Mapping[str, Person], questions: Mapping[Kind, list[str]]
) -> list[Row]:
    environment = {
        "CRM_ELASTICSEARCH_URL": target.url,
        "CRM_SEARCH_INDEX_PREFIX": target.prefix,
        "CRM_ELASTICSEARCH_TIMEOUT_S": "60",
    }
    rows = []
    with process(replace(arena, environment={**arena.environment, **environment}), "crm_search.cli", "api") as port:
        for who, person in callers.items():
            async with database.read_as_worker() as connection:
                visibility = await load_visibility(connection, _to_caller(person))
            for kind, asked in questions.items():
                ours = [_render_ours(arena, person, kind, question) for question in asked]
                theirs = [await _render_theirs(target, visibility, kind, question) for question in asked]
                rows.append(await _compare(f"{kind}, {who}", kind, (port, ours), (target.port, theirs)))
    return rows


def _to_caller(person: Person) -> Caller:
    return Caller(person.tenant_id, person.id, person.role, base_currency="EUR", time_zone="UTC")


def _render_ours(arena: Arena, person: Person, kind: Kind, question: str) -> bytes:
    token = arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)
    path = "/v1/search" if kind == "search" else "/v1/search/suggest"
    limit = PAGE if kind == "search" else SUGGESTED
    return render("GET", f"{path}?{urlencode({'q': question, 'limit': limit})}", {"Authorization": f"Bearer {token}"})


async def _render_theirs(target: Target, visibility: Visibility, kind: Kind, question: str) -> bytes:
    """Write what the API asks of Elasticsearch, in one request: near words are for each field to find."""
    recorder: Any = Recorder()
    store, now = DocumentStore(recorder, target.prefix), datetime.now(UTC)
    if kind == "search":
        phone = parse_phone(question, FALLBACK_REGION)
        query = to_search_query(question, phone=phone, visibility=visibility, now=now)
        await store.search(visibility, query, limit=PAGE + 1, with_counts=True)
    else:
        names = {"terms": {"type": ["contact", "company"]}}
        await store.search(visibility, to_suggest_query(question, now=now), filters=[names], limit=SUGGESTED)
    path = f"/{target.prefix}/_search?{urlencode({'preference': recorder.preference})}"
    return render("POST", path, {}, to_json(recorder.body))


async def _compare(what: str, kind: Kind, ours: tuple[int, list[bytes]], theirs: tuple[int, list[bytes]]) -> Row:
    runs: tuple[list[Measured], list[Measured]] = ([], [])
    for number in range(ROUNDS + 1):
        for run_, (port, requests) in zip(runs, (ours, theirs), strict=True):
            measured = await run_load(port, requests, connections=1, seconds=SECONDS)
            if number:  # the first warms up
                run_.append(measured)
    (our_p50_ms, our_p99_ms), (their_p50_ms, their_p99_ms) = (
        (statistics.median(one.p50_ms for one in run_), statistics.median(one.p99_ms for one in run_)) for run_ in runs
    )
    print(f"{what:30} {our_p50_ms:8.1f} {our_p99_ms:8.1f} | {their_p50_ms:8.1f} {their_p99_ms:8.1f}", flush=True)
    return Row(
        what,
        f"p50 {our_p50_ms:.1f} ms, p99 {our_p99_ms:.1f} ms",
        f"Elasticsearch alone: p50 {their_p50_ms:.1f} ms, p99 {their_p99_ms:.1f} ms",
        their_p99_ms / our_p99_ms,
        AIMS[kind],
    )
