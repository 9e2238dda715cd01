"""A long import as a worker carries it out, beside a relay that sends its events and a tenant with small files."""

import asyncio
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
import psutil

from benchmarks.arena import Arena, Row, process
from benchmarks.importing import make_file, measure_mib
from benchmarks.load import percentile
from benchmarks.size import sized
from crm_shared.database import Database
from crm_testing.people import seed_tenant

# As many as a file may have, beside its header.
ROWS = int(os.environ.get("BENCH_LONG_IMPORT_ROWS", sized("999999", tiny="600")))
PROBE_S = sized(15.0, tiny=0.5)
LOOK_S: Final = 0.25
# Of the readers that imports wait for one runs with this service alone: '["contacts.duplicates"]' waits for it too.
BESIDE = {"CRM_BULK_READERS": os.environ.get("BENCH_LONG_IMPORT_READERS", "[]")}
SMALL_FILE = "first_name,last_name\n" + "".join(f"Small,File {number}\n" for number in range(10))
COUNT_UNSENT = "SELECT count(*) FROM outbox"


@dataclass(slots=True)
class _Watched:
    """`probes_s`: how long another tenant's import of ten rows took, from its request to its end."""

    peak_mib: float = 0.0
    most_unsent: int = 0
    probes_s: list[float] = field(default_factory=list)


@contextmanager
def _worker(arena: Arena) -> Iterator[psutil.Process]:
    with process(arena, "crm_contacts.cli", "worker"):
        children = psutil.Process().children(recursive=True)
        yield next(child for child in children if child.cmdline()[-1:] == ["worker"])


async def _upload(client: httpx.AsyncClient, content: bytes) -> str:
    files = {"file": ("people.csv", content, "text/csv")}
    answer = await client.post("/v1/imports", data={"entity_type": "CONTACT"}, files=files, timeout=300)
    answer.raise_for_status()
    return str(answer.json()["id"])


async def _wait(client: httpx.AsyncClient, import_id: str) -> dict[str, Any]:
    while True:
        job: dict[str, Any] = (await client.get(f"/v1/imports/{import_id}")).json()
        if job["status"] not in {"QUEUED", "RUNNING"}:
            return job
        await asyncio.sleep(LOOK_S)


async def _watch(worker: psutil.Process, database: Database, watched: _Watched) -> None:
    while True:
        watched.peak_mib = max(watched.peak_mib, measure_mib(worker))
        async with database.read_as_worker() as connection:
            watched.most_unsent = max(watched.most_unsent, int(await connection.fetchval(COUNT_UNSENT)))
        await asyncio.sleep(1)


async def _probe(other: httpx.AsyncClient, watched: _Watched) -> None:
    while True:
        began_s = time.perf_counter()
        job = await _wait(other, await _upload(other, SMALL_FILE.encode()))
        if job["counts"]["created"] != SMALL_FILE.count("Small"):
            raise RuntimeError(str(job))
        watched.probes_s.append(time.perf_counter() - began_s)
        await asyncio.sleep(PROBE_S)


async def run(arena: Arena) -> list[Row]:
    """Import ROWS contacts once, and meanwhile ten of another tenant's again and again."""
    database = await Database.open(arena.worker_dsn, max_size=2)
    other = await seed_tenant(database)
    token = arena.issuer.sign(other.id, other.admin.id, ttl_s=36000)
    arena = Arena(arena.tenant, arena.issuer, {**arena.environment, **BESIDE}, arena.worker_dsn, arena.kafka_bootstrap)
    watched = _Watched()
    with (
        process(arena, "crm_contacts.cli", "api") as api,
        process(arena, "crm_contacts.cli", "relay"),
        _worker(arena) as worker,
    ):
        base = f"http://127.0.0.1:{api}"
        async with (
            httpx.AsyncClient(base_url=base, headers=arena.headers, timeout=60) as client,
            httpx.AsyncClient(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60) as theirs,
        ):
            import_id = await _upload(client, make_file(ROWS))
            beside = [
                asyncio.create_task(_watch(worker, database, watched)),
                asyncio.create_task(_probe(theirs, watched)),
            ]
            ending = asyncio.create_task(_wait(client, import_id))
            # Whichever fails first ends it: a watcher that is gone would leave figures that say nothing.
            await asyncio.wait([ending, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in beside:
                task.cancel()
            await asyncio.gather(*(task for task in beside if not task.cancelled()), return_exceptions=True)
            failed = [error for task in beside if not task.cancelled() and (error := task.exception()) is not None]
            if failed:
                ending.cancel()
                raise failed[0]
            job = await ending
    await database.close()
    return _to_rows(job, watched)


def _to_rows(job: dict[str, Any], watched: _Watched) -> list[Row]:
    if job["counts"]["created"] != ROWS:
        raise RuntimeError(str(job))
    took = datetime.fromisoformat(job["finished_at"]) - datetime.fromisoformat(job["started_at"])
    ours = f"{ROWS / took.total_seconds():,.0f} rows/s, worker at most {watched.peak_mib:,.0f} MiB"
    ordered = sorted(watched.probes_s) or [0.0]
    probes = f"p50 {percentile(ordered, 0.5):.1f} s, longest {ordered[-1]:.1f} s, of {len(watched.probes_s)}"
    what = f"import of {ROWS:,} contacts beside a relay"
    return [
        Row(what, ours, f"at most {watched.most_unsent:,} events unsent", 300 / max(watched.peak_mib, 1.0), 1.0),
        Row("  another tenant's import of ten rows meanwhile", probes, ""),
    ]
