"""Activities logged singly and a thousand at a time, against bare Starlette and asyncpg doing the same statements.

Once as calls of nobody's, and once each with a contact, which is looked up before and held from being merged meanwhile.
"""

import json
import statistics
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.size import WARM_UP_S, sized
from crm_shared.clock import new_id
from crm_shared.database import Database
from crm_shared.features.replicas.records import ReplicaRecord, save_records

SECONDS, ROUNDS = sized((4.0, 5), tiny=(0.2, 1))
CONNECTIONS = {"log": sized(8, tiny=2), "batch": sized(2, tiny=1)}
ITEMS = sized(1000, tiny=20)
CONTACTS = sized(200, tiny=5)
AIMS = {"log": 0.9, "batch": 0.8}
CALL = {"type": "CALL", "direction": "OUTBOUND", "outcome": "CONNECTED", "duration_s": 90, "subject": "Renewal"}


async def run(arena: Arena) -> list[Row]:
    """Measure both servers in turn, ROUNDS times, and quote the median of the pairs' ratios."""
    contact_ids, headers = await _seed_contacts(arena), arena.headers  # one token: another is verified anew
    with process(arena, "crm_activities.cli", "api") as ours, process(arena, "benchmarks.bare_activities") as bare:
        return [
            await _compare(way, whose, _render(headers, way, named), ours, bare)
            for whose, named in (("activities", ()), ("activities of contacts", contact_ids))
            for way in ("log", "batch")
        ]


async def _seed_contacts(arena: Arena) -> list[UUID]:
    """Have contacts of the caller's known here."""
    own = (arena.tenant.admin.id, None, None)
    records = [
        ReplicaRecord(arena.tenant.id, "contact", new_id(), 1, f"Contact {number}", *own, is_deleted=False)
        for number in range(CONTACTS)
    ]
    async with Database.opened(arena.worker_dsn, max_size=1) as database, database.begin_as_worker() as transaction:
        await save_records(transaction, records)
    owner = await asyncpg.connect(arena.environment["CRM_ACTIVITIES_OWNER_DSN"])
    await owner.execute("ANALYZE replica_records")  # as autovacuum does within a minute
    await owner.close()
    return [record.id for record in records]


def _render(headers: dict[str, str], way: str, contact_ids: Sequence[UUID]) -> list[bytes]:
    calls: list[dict[str, Any]] = [CALL | {"contact_id": str(contact_id)} for contact_id in contact_ids] or [CALL]
    if way == "log":
        return [render("POST", "/v1/activities", headers, json.dumps(call).encode()) for call in calls]
    items = [calls[number % len(calls)] for number in range(ITEMS)]
    body = json.dumps({"mode": "create", "items": items}).encode()
    return [render("POST", "/v1/activities/batch", headers, body)]


async def _compare(way: str, whose: str, requests: Sequence[bytes], ours: int, bare: int) -> Row:
    connections, per_request = CONNECTIONS[way], ITEMS if way == "batch" else 1
    for port in (ours, bare):
        await run_load(port, requests, connections=connections, seconds=WARM_UP_S)
    pairs: list[tuple[Measured, Measured]] = []
    for _ in range(ROUNDS):
        mine = await run_load(ours, requests, connections=connections, seconds=SECONDS)
        pairs.append((mine, await run_load(bare, requests, connections=connections, seconds=SECONDS)))
    return Row(
        f"{way} {whose}, {per_request} a request, {connections} connections",
        _describe([mine for mine, _ in pairs], per_request),
        f"Starlette + asyncpg: {_describe([theirs for _, theirs in pairs], per_request)}",
        statistics.median(mine.rate_s / theirs.rate_s for mine, theirs in pairs),
        AIMS[way],
    )


def _describe(runs: list[Measured], per_request: int) -> str:
    rate = statistics.median(run.rate_s for run in runs) * per_request
    p50, p99 = statistics.median(run.p50_ms for run in runs), statistics.median(run.p99_ms for run in runs)
    return f"{rate:,.0f} activities/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
