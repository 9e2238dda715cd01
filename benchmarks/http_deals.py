"""GET and POST of a deal against bare Starlette and asyncpg doing the same statements."""

import json
import statistics

import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.size import WARM_UP_S, sized

CONNECTIONS, SECONDS, ROUNDS = sized((8, 4.0, 5), tiny=(2, 0.2, 1))
AIMS = {"GET": 0.8, "POST": 0.6}
BODY = json.dumps({"name": "Acme renewal", "amount": "12500.00"}).encode()


async def run(arena: Arena) -> list[Row]:
    """Measure both servers in turn, ROUNDS times, and quote the median of the pairs' ratios."""
    with process(arena, "crm_deals.cli", "api") as ours, process(arena, "benchmarks.bare_api") as bare:
        headers = arena.headers
        async with httpx.AsyncClient(headers={**headers, "Content-Type": "application/json"}) as client:
            made = [await client.post(f"http://127.0.0.1:{ours}/v1/deals", content=BODY) for _ in range(50)]
        ids = [answer.json()["id"] for answer in made]
        loads = {
            "GET": [render("GET", f"/v1/deals/{deal_id}", headers) for deal_id in ids],
            "POST": [render("POST", "/v1/deals", headers, BODY)],
        }
        return [await _compare(method, requests, ours, bare) for method, requests in loads.items()]


async def _compare(method: str, requests: list[bytes], ours: int, bare: int) -> Row:
    for port in (ours, bare):
        await run_load(port, requests, connections=CONNECTIONS, seconds=WARM_UP_S)
    pairs: list[tuple[Measured, Measured]] = []
    for _ in range(ROUNDS):
        mine = await run_load(ours, requests, connections=CONNECTIONS, seconds=SECONDS)
        pairs.append((mine, await run_load(bare, requests, connections=CONNECTIONS, seconds=SECONDS)))
    return Row(
        f"{method} a deal, {CONNECTIONS} connections",
        _describe([mine for mine, _ in pairs]),
        f"Starlette + asyncpg: {_describe([theirs for _, theirs in pairs])}",
        statistics.median(mine.rate_s / theirs.rate_s for mine, theirs in pairs),
        AIMS[method],
    )


def _describe(runs: list[Measured]) -> str:
    rate = statistics.median(run.rate_s for run in runs)
    p50, p99 = statistics.median(run.p50_ms for run in runs), statistics.median(run.p99_ms for run in runs)
    return f"{rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
