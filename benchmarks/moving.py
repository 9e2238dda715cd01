"""Moves over HTTP against the same statements on bare asyncpg; deals written in batches against one by one."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, percentile, render, run_load
from benchmarks.size import WARM_UP_S, sized
from crm_deals.deals import domain, events, repository
from crm_deals.deals.columns import DEAL_COLUMNS, DEAL_TABLE
from crm_deals.deals.repository import FOR_UPDATE, FROM_DEAL, INSERT_HISTORY, PRESENT
from crm_deals.pipelines.repository import FIND_MOVE, to_stage
from crm_shared.contracts import Actor
from crm_shared.publishing import PUBLISH_AUDITED, to_columns

CONNECTIONS, SECONDS, ROUNDS, DEALS = sized((8, 4.0, 3, 400), tiny=(2, 0.2, 1, 20))
BATCH, BATCHES = sized((1000, 5), tiny=(10, 1))
LOAD_DEAL = "SELECT" + DEAL_COLUMNS + FROM_DEAL + PRESENT + "true" + FOR_UPDATE
ENTER = "SELECT set_config('crm.tenant_id', $1, true)"


async def run(arena: Arena) -> list[Row]:
    with process(arena, "crm_deals.cli", "api") as port:
        base = f"http://127.0.0.1:{port}/v1"
        async with httpx.AsyncClient(headers=arena.headers, timeout=60) as client:
            pipeline = (await client.get(f"{base}/pipelines")).json()["items"][0]
            stages = [stage["id"] for stage in pipeline["stages"] if stage["kind"] == "OPEN"]
            ids = await _create(client, base, DEALS)
            pairs = [(deal_id, stage_id) for stage_id in stages[1:] + stages[:1] for deal_id in ids]
            moving = await _compare_moves(arena, port, pairs)
            return [moving, await _compare_batches(client, base, port, arena)]


async def _create(client: httpx.AsyncClient, base: str, count: int, **fields: Any) -> list[str]:
    items = [{"name": f"Deal {number}", "amount": "12500.00", **fields} for number in range(count)]
    answer = await client.post(f"{base}/deals/batch", json={"mode": "create", "items": items})
    return [item["id"] for item in answer.json()["items"]]


async def _compare_moves(arena: Arena, port: int, pairs: list[tuple[str, str]]) -> Row:
    requests = [
        render("POST", f"/v1/deals/{deal_id}/move", arena.headers, json.dumps({"stage_id": stage_id}).encode())
        for deal_id, stage_id in pairs
    ]
    await run_load(port, requests, connections=CONNECTIONS, seconds=WARM_UP_S)
    runs: list[tuple[Measured, Measured]] = []
    for _ in range(ROUNDS):
        mine = await run_load(port, requests, connections=CONNECTIONS, seconds=SECONDS)
        runs.append((mine, await _run_bare(arena, [(UUID(deal), UUID(stage)) for deal, stage in pairs])))
    return Row(
        f"move a deal over HTTP, one API process, {CONNECTIONS} connections",
        _describe([mine for mine, _ in runs]),
        f"asyncpg, same statements, nothing else: {_describe([bare for _, bare in runs])}",
        statistics.median(mine.rate_s / bare.rate_s for mine, bare in runs),
        0.5,
    )


async def _run_bare(arena: Arena, pairs: list[tuple[UUID, UUID]]) -> Measured:
    """Run the move's statements on CONNECTIONS connections. What is written is decided once, before."""
    latencies_ms: list[float] = []
    todo = cycle(pairs)

    async def work(connection: asyncpg.Connection) -> None:
        while True:  # one move at least, however short the run
            started_s = time.perf_counter()
            await _move_bare(arena, connection, *next(todo))
            latencies_ms.append((time.perf_counter() - started_s) * 1000)
            if time.perf_counter() >= until_s:
                return

    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(_connected(arena)) for _ in range(CONNECTIONS)]
        began_s = time.perf_counter()
        until_s = began_s + SECONDS
        await asyncio.gather(*map(work, connections))
        took_s = time.perf_counter() - began_s
    latencies_ms.sort()
    return Measured(len(latencies_ms) / took_s, percentile(latencies_ms, 0.5), percentile(latencies_ms, 0.99))


@asynccontextmanager
async def _connected(arena: Arena) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(arena.environment["CRM_DEALS_DSN"])
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    try:
        yield connection
    finally:
        await connection.close()


async def _move_bare(arena: Arena, connection: asyncpg.Connection, deal_id: UUID, stage_id: UUID) -> None:
    tenant_id, user_id, now = arena.tenant.id, arena.tenant.admin.id, datetime.now(UTC)
    async with connection.transaction():
        await connection.execute(ENTER, str(tenant_id))
        deal = repository.to_deal(await connection.fetchrow(LOAD_DEAL, tenant_id, deal_id))
        rows = await connection.fetch(FIND_MOVE, tenant_id, deal.stage_id, stage_id)
        stages = {row["id"]: to_stage(row) for row in rows}
        at = max(now, deal.stage_changed_at)
        decision = domain.move(deal, stages[deal.stage_id], stages[stage_id], lost_reason=None, at=at, now=at)
        if not decision.events:
            return
        wire = events.MAPPING.to_wire(decision.events, by=Actor(tenant_id, user_id))
        await connection.execute(DEAL_TABLE.update, *DEAL_TABLE.to_row(tenant_id, decision.deal))
        await connection.execute(
            INSERT_HISTORY, tenant_id, user_id, [deal.id], [decision.deal.version], [deal.stage_id],
            [stages[deal.stage_id].name], [stage_id], [stages[stage_id].name], [at],
        )  # fmt: skip
        await connection.execute(PUBLISH_AUDITED, *to_columns(wire, audited=True))


async def _compare_batches(client: httpx.AsyncClient, base: str, port: int, arena: Arena) -> Row:
    body = json.dumps({"name": "Acme renewal", "amount": "12500.00"}).encode()
    requests = [render("POST", "/v1/deals", arena.headers, body)]
    single = await run_load(port, requests, connections=CONNECTIONS, seconds=SECONDS)
    started_s = time.perf_counter()
    for _ in range(BATCHES):
        await _create(client, base, BATCH, created_at="2026-01-05T08:00:00Z")
    rate_s = BATCH * BATCHES / (time.perf_counter() - started_s)
    return Row(
        f"deals imported in batches of {BATCH}, with events, audit and history",
        f"{rate_s:,.0f} deals/s",
        f"POST /v1/deals, {CONNECTIONS} connections: {single.rate_s:,.0f}/s",
        rate_s / single.rate_s,
    )


def _describe(runs: list[Measured]) -> str:
    rate = statistics.median(run.rate_s for run in runs)
    p50, p99 = statistics.median(run.p50_ms for run in runs), statistics.median(run.p99_ms for run in runs)
    return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
