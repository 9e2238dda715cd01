"""An import of a CSV file, from its start to its end, against COPY of the same rows and against the row API."""

import asyncio
import csv
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import asyncpg
import httpx
import psutil

from benchmarks.arena import Arena, Row, process
from benchmarks.load import render, run_load
from benchmarks.size import sized
from crm_contacts.phones import to_e164
from crm_shared.clock import new_id

ROWS = int(os.environ.get("BENCH_IMPORT_ROWS", sized("200000", tiny="400")))
ROUNDS = int(os.environ.get("BENCH_IMPORT_ROUNDS", sized("2", tiny="1")))
POSTING_S = sized(6.0, tiny=0.2)
HEADER = ("first_name", "last_name", "email", "phone", "job_title", "source", "external_id")
FIRST_NAMES = ("Zoë", "Ann", "Robert", "Kurt", "Maria", "Ngozi", "Wei", "Fatima")
TITLES = ("Buyer", "Head of Sales", "CTO", "Engineer", "")
SOURCES = ("INBOUND", "OUTBOUND", "REFERRAL", "")

# What an import can do by itself: it waits for nobody, and its chunks are as large as pays.
UNBOUNDED = {"CRM_BULK_OUTBOX_ROWS": "0", "CRM_BULK_READERS": "[]", "CRM_IMPORT_CHUNK_ROWS": "5000"}

# With everything that contacts has: generated columns, checks, indexes, the reference to companies, the triggers.
MAKE_BARE = """
    CREATE TABLE bare_contacts (LIKE contacts INCLUDING ALL);
    ALTER TABLE bare_contacts ADD FOREIGN KEY (tenant_id, company_id) REFERENCES companies (tenant_id, id);
"""
EMPTY = "TRUNCATE contacts, contact_tags, record_changes, outbox, import_chunks"
BARE_COLUMNS = (
    "tenant_id", "id", "version", *HEADER, "phone_e164", "owner_id", "tags", "custom_data", "shares", "created_at",
    "updated_at",
)  # fmt: skip


@dataclass(slots=True)
class Imported:
    """One import: rows a second between its start and its end, and the most memory that the worker took, in MiB."""

    rate_s: float
    peak_mib: float


def _people(count: int) -> Iterator[tuple[str, ...]]:
    random = Random(7)  # noqa: S311 - the same people each time
    for number in range(count):
        first, last = random.choice(FIRST_NAMES), f"Name{random.randrange(100_000)}"
        email = f"{last.lower()}.{number}@company{random.randrange(5_000)}.example"
        phone = f"+49 30 {10_000_000 + number}" if number % 2 else f"030 {10_000_000 + number}"
        yield first, last, email, phone, random.choice(TITLES), random.choice(SOURCES), f"X{number}"


def make_file(count: int) -> bytes:
    """Return a CSV file of so many people, the same each time."""
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *_people(count)])
    return text.getvalue().encode()


def _to_copy(arena: Arena, count: int) -> bytes:
    """Write the same rows for COPY, as they stand in the table at the end."""
    tenant_id, owner_id, now = str(arena.tenant.id), str(arena.tenant.admin.id), datetime.now(UTC).isoformat()
    lines = []
    for person in _people(count):
        e164 = to_e164(person[3], "DE") or ""
        lines.append("\t".join((tenant_id, str(new_id()), "1", *person, e164, owner_id, "{}", "{}", "[]", now, now)))
    return ("\n".join(lines) + "\n").encode()


async def _copy(owner: asyncpg.Connection, rows: bytes) -> float:
    await owner.execute("TRUNCATE bare_contacts")
    started_s = time.perf_counter()
    await owner.copy_to_table("bare_contacts", source=io.BytesIO(rows), columns=BARE_COLUMNS, null="")
    return ROWS / (time.perf_counter() - started_s)


def _find_worker() -> psutil.Process:
    children = psutil.Process().children(recursive=True)
    return next(child for child in children if child.cmdline()[-1:] == ["worker"])


def measure_mib(worker: psutil.Process) -> float:
    """Return what the worker and its side process hold, pages that both share counted once."""
    total = 0
    for one in [worker, *worker.children(recursive=True)]:
        try:
            total += one.memory_full_info().pss
        except psutil.NoSuchProcess:  # the side process has just ended
            continue
    return total / 2**20


async def _import(client: httpx.AsyncClient, content: bytes) -> Imported:
    files = {"file": ("people.csv", content, "text/csv")}
    answer = await client.post("/v1/imports", data={"entity_type": "CONTACT"}, files=files, timeout=300)
    answer.raise_for_status()
    worker, peak_mib = _find_worker(), 0.0
    while True:
        job = (await client.get(f"/v1/imports/{answer.json()['id']}")).json()
        peak_mib = max(peak_mib, measure_mib(worker))
        if job["status"] not in {"QUEUED", "RUNNING"}:
            break
        await asyncio.sleep(0.25)
    if job["counts"]["created"] != ROWS:
        raise RuntimeError(str(job))
    took = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    return Imported(ROWS / took.total_seconds(), peak_mib)


async def _post_rows(arena: Arena, port: int) -> float:
    headers = arena.headers
    bodies = (
        json.dumps({name: value for name, value in zip(HEADER, (*person[:6], f"Y{person[6]}"), strict=True) if value})
        for person in ((*one[:2], f"row.{one[2]}", *one[3:]) for one in _people(sized(30_000, tiny=300)))
    )
    requests = [render("POST", "/v1/contacts", headers, body.encode()) for body in bodies]
    parts = [requests[start::8] for start in range(8)]
    measured = await asyncio.gather(*(run_load(port, part, connections=1, seconds=POSTING_S) for part in parts))
    return sum(one.rate_s for one in measured)


async def run(arena: Arena) -> list[Row]:
    """Measure ROUNDS times in turn, and quote the best of each: others on this machine only ever slow one down."""
    content, rows = make_file(ROWS), _to_copy(arena, ROWS)
    owner = await asyncpg.connect(arena.environment["CRM_CONTACTS_OWNER_DSN"])
    await owner.execute(MAKE_BARE)
    arena = Arena(
        arena.tenant, arena.issuer, {**arena.environment, **UNBOUNDED}, arena.worker_dsn, arena.kafka_bootstrap
    )
    copied, imported = [], []
    with process(arena, "crm_contacts.cli", "api") as api, process(arena, "crm_contacts.cli", "worker"):
        base = f"http://127.0.0.1:{api}"
        async with httpx.AsyncClient(base_url=base, headers=arena.headers, timeout=60) as client:
            for _ in range(ROUNDS):
                copied.append(await _copy(owner, rows))
                await owner.execute("TRUNCATE bare_contacts")
                await owner.execute(EMPTY)
                imported.append(await _import(client, content))
        await owner.execute(EMPTY)
        posted_s = await _post_rows(arena, api)
    await owner.close()
    best, copy_s = max(imported, key=lambda one: one.rate_s), max(copied)
    peak_mib = max(one.peak_mib for one in imported)
    ours = f"{best.rate_s:,.0f} rows/s, worker at most {peak_mib:,.0f} MiB"
    what = f"import of {ROWS:,} contacts, with events and audit"
    return [
        Row(what, ours, f"COPY into a table alike: {copy_s:,.0f} rows/s", best.rate_s / copy_s, 0.5),
        Row(what, ours, f"POST /v1/contacts, 8 connections: {posted_s:,.0f}/s", best.rate_s / posted_s, 20),
    ]
