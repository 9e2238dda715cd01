"""Webhook deliveries by the dispatcher, signed and recorded, against bare POSTs of the same bodies."""

import asyncio
import statistics
import time
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.arena import Arena, Row
from benchmarks.size import sized
from crm_deals.settings import DealsSettings
from crm_deals.webhooks import queue
from crm_deals.webhooks.destinations import Destinations
from crm_deals.webhooks.dispatch import Dispatcher
from crm_deals.webhooks.sending import Sender
from crm_local.engines.ports import free_ports
from crm_shared.clock import SystemClock, new_id
from crm_shared.database import Database
from crm_testing.waiting import wait_until

DELIVERIES, AT_ONCE = sized((3_000, 16), tiny=(40, 4))
BODY = b'{"specversion": "1.0", "type": "crm.deal.won", "data": {"deal": {"name": "Acme renewal"}}}' + b" " * 1200
INSERT_WEBHOOK = """
    INSERT INTO webhooks (tenant_id, id, version, url, event_types, secret, active, created_at, updated_at)
    VALUES ($1, $2, 1, $3, '{crm.deal.won}', 'bench', true, now(), now())
"""


async def run(arena: Arena) -> list[Row]:
    (port,) = free_ports(1)
    came: list[float] = []

    async def take(_request: object) -> Response:
        came.append(time.perf_counter())
        return Response(status_code=200)

    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[Route("/hook", take, methods=["POST"])]), host="127.0.0.1", port=port, log_config=None
        )
    )
    serving = asyncio.create_task(server.serve())

    async def is_up() -> bool:
        return bool(server.started)

    await wait_until(is_up)
    url = f"http://127.0.0.1:{port}/hook"
    try:
        bare_s = await _post_bare(url)
        ours_s, delays_ms = await _deliver(arena, url)
    finally:
        server.should_exit = True
        await serving
    return [
        Row(
            f"webhook deliveries, {AT_ONCE} at once, signed and recorded",
            f"{DELIVERIES / ours_s:,.0f}/s; from queue to answer, one at a time: p50 {delays_ms:.0f} ms",
            f"bare POSTs, {AT_ONCE} at once, same server: {DELIVERIES / bare_s:,.0f}/s",
            bare_s / ours_s,
        )
    ]


async def _post_bare(url: str) -> float:
    at_once = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient() as client:

        async def post() -> None:
            async with at_once:
                await client.post(url, content=BODY)

        started_s = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(DELIVERIES)))
        return time.perf_counter() - started_s


async def _deliver(arena: Arena, url: str) -> tuple[float, float]:
    """Return the seconds for all deliveries, and the median milliseconds of one that finds the queue empty."""
    settings = DealsSettings.model_validate(
        {"dsn": arena.worker_dsn, "worker_dsn": arena.worker_dsn, "owner_dsn": arena.worker_dsn}
    )
    settings = settings.model_copy(
        update={"webhook_concurrency": AT_ONCE, "webhook_host_rate": 1e6, "webhook_allow_private": True}
    )
    webhook_id = new_id()
    async with Database.opened(arena.worker_dsn, max_size=AT_ONCE) as database:
        async with database.begin_as_worker() as transaction:
            await transaction.execute(INSERT_WEBHOOK, arena.tenant.id, webhook_id, url)
        await _enqueue(database, arena, webhook_id, DELIVERIES)
        sender = Sender(Destinations.of(settings), SystemClock(), timeout_s=10)
        dispatcher = Dispatcher(database, sender, settings, SystemClock())
        task = asyncio.create_task(dispatcher.run())
        started_s = time.perf_counter()
        await _wait_empty(arena)
        taken_s = time.perf_counter() - started_s
        delays_ms = []
        for _ in range(40):
            started_s = time.perf_counter()
            await _enqueue(database, arena, webhook_id, 1)
            await _wait_empty(arena)
            delays_ms.append((time.perf_counter() - started_s) * 1000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await dispatcher.finish()
        await sender.close()
    return taken_s, statistics.median(delays_ms)


async def _enqueue(database: Database, arena: Arena, webhook_id: UUID, count: int) -> None:
    now = datetime.now(UTC)
    ids = [new_id() for _ in range(count)]
    async with database.begin_as_worker() as transaction:
        await transaction.execute(
            queue.ENQUEUE, [arena.tenant.id] * count, ids, [webhook_id] * count, ids, ["crm.deal.won"] * count, ids,
            [1] * count, [BODY] * count, [now] * count, [None] * count,
        )  # fmt: skip


async def _wait_empty(arena: Arena) -> None:
    connection = await asyncpg.connect(arena.worker_dsn)

    async def is_empty() -> bool:
        return not await connection.fetchval("SELECT EXISTS (SELECT FROM webhook_lanes)")

    try:
        await wait_until(is_empty, timeout_s=300, poll_s=0.005)
    finally:
        await connection.close()
