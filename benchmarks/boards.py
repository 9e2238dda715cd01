"""The board at 10,000 and at a million deals: its p99 should not tell how many there are."""

import asyncio

import asyncpg
import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.size import sized
from crm_deals.deals.board_totals import FOLD
from crm_testing.people import Person

SMALL, LARGE = sized((10_000, 1_000_000), tiny=(100, 1_000))
CONNECTIONS = 2
SECONDS, WARM_UP_S = sized((4.0, 1.0), tiny=(0.2, 0.1))
AIM = 1.5

# Half of the deals lie in one stage, and one REP in four owns as good as none: the worst cases are in it.
FILL = """
    INSERT INTO deals (tenant_id, id, version, name, owner_id, pipeline_id, stage_id, amount, currency, status,
                       stage_changed_at, closed_at, custom_data, created_at, updated_at)
    SELECT $1, uuidv7(), 1, 'Deal ' || n, ($2::uuid[])[1 + CASE WHEN n % 1000 = 0 THEN 3 ELSE n % 3 END], $3, s.id,
           (n % 100000)::numeric / 100, CASE WHEN n % 10 = 0 THEN 'USD' ELSE 'EUR' END, s.kind, at.moment,
           CASE WHEN s.kind <> 'OPEN' THEN at.moment END, '{}', at.moment, at.moment
      FROM generate_series($4::bigint, $5::bigint) AS n
     CROSS JOIN LATERAL (SELECT now() - make_interval(secs => n) AS moment) AS at
      JOIN stages s ON s.tenant_id = $1 AND s.pipeline_id = $3
                   AND s.position = CASE WHEN n % 2 = 0 THEN 0 ELSE n % 6 END
"""


async def run(arena: Arena, admin_dsn: str) -> list[Row]:
    """Fill the tenant to both sizes and measure each role's board."""
    with process(arena, "crm_deals.cli", "api") as port:
        async with httpx.AsyncClient(headers=arena.headers, timeout=60) as client:
            pipeline = (await client.get(f"http://127.0.0.1:{port}/v1/pipelines")).json()["items"][0]
        people = {"ADMIN": arena.tenant.admin, "MANAGER": arena.tenant.manager, "REP": arena.tenant.rep}
        measured: dict[str, list[Measured]] = {name: [] for name in people}
        filled = 0
        for size in (SMALL, LARGE):
            await _fill(arena, admin_dsn, pipeline["id"], filled + 1, size)
            filled = size
            for name, person in people.items():
                measured[name].append(await _measure(arena, port, pipeline["id"], person))
    return [_to_row(name, *runs) for name, runs in measured.items()]


async def _fill(arena: Arena, admin_dsn: str, pipeline_id: str, first: int, last: int) -> None:
    owners = [person.id for person in (arena.tenant.admin, arena.tenant.manager, arena.tenant.other_rep)]
    owners.append(arena.tenant.rep.id)
    connection = await asyncpg.connect(arena.worker_dsn)
    try:
        for start in range(first, last + 1, 100_000):
            end = min(start + 99_999, last)
            await connection.execute(FILL, arena.tenant.id, owners, pipeline_id, start, end, timeout=600)
            await connection.execute(FOLD, 200_000, timeout=600)
    finally:
        await connection.close()
    database = arena.worker_dsn.rpartition("/")[2]
    admin = await asyncpg.connect(admin_dsn.rpartition("/")[0] + "/" + database)
    try:
        for table in ("deals", "stage_totals", "stage_total_changes"):
            await admin.execute("VACUUM ANALYZE " + table, timeout=600)
    finally:
        await admin.close()
    await asyncio.sleep(WARM_UP_S)


async def _measure(arena: Arena, port: int, pipeline_id: str, person: Person) -> Measured:
    headers = {"Authorization": f"Bearer {arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)}"}
    requests = [render("GET", f"/v1/pipelines/{pipeline_id}/board", headers)]
    await run_load(port, requests, connections=CONNECTIONS, seconds=WARM_UP_S)
    return await run_load(port, requests, connections=CONNECTIONS, seconds=SECONDS)


def _to_row(name: str, small: Measured, large: Measured) -> Row:
    return Row(
        f"board of a {name}, {LARGE:,} deals",
        f"p50 {large.p50_ms:.1f} ms, p99 {large.p99_ms:.1f} ms",
        f"{SMALL:,} deals: p50 {small.p50_ms:.1f} ms, p99 {small.p99_ms:.1f} ms (aim: p99 at most {AIM} times)",
        large.p99_ms / small.p99_ms,
    )
