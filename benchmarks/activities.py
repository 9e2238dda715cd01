"""Activities logged singly and a thousand at a time, against bare Starlette and asyncpg doing the same statements."""

import json
import statistics

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.size import WARM_UP_S, sized

SECONDS, ROUNDS = sized((4.0, 5), tiny=(0.2, 1))
CONNECTIONS = {"log": sized(8, tiny=2), "batch": sized(2, tiny=1)}
ITEMS = sized(1000, tiny=20)
AIMS = {"log": 0.9, "batch": 0.8}
CALL = {"type": "CALL", "direction": "OUTBOUND", "outcome": "CONNECTED", "duration_s": 90, "subject": "Renewal"}


async def run(arena: Arena) -> list[Row]:
    """Measure both servers in turn, ROUNDS times, and quote the median of the pairs' ratios."""
    with process(arena, "crm_activities.cli", "api") as ours, process(arena, "benchmarks.bare_activities") as bare:
        headers = arena.headers
        batch = json.dumps({"mode": "create", "items": [CALL] * ITEMS}).encode()
        requests = {
            "log": render("POST", "/v1/activities", headers, json.dumps(CALL).encode()),
            "batch": render("POST", "/v1/activities/batch", headers, batch),
        }
        return [await _compare(way, request, ours, bare) for way, request in requests.items()]


async def _compare(way: str, request: bytes, ours: int, bare: int) -> Row:
    connections, per_request = CONNECTIONS[way], ITEMS if way == "batch" else 1
    for port in (ours, bare):
        await run_load(port, [request], connections=connections, seconds=WARM_UP_S)
    pairs: list[tuple[Measured, Measured]] = []
    for _ in range(ROUNDS):
        mine = await run_load(ours, [request], connections=connections, seconds=SECONDS)
        pairs.append((mine, await run_load(bare, [request], connections=connections, seconds=SECONDS)))
    return Row(
        f"{way} activities, {per_request} a request, {connections} connections",
        _describe([mine for mine, _ in pairs], per_request),
        f"Starlette + asyncpg: {_describe([theirs for _, theirs in pairs], per_request)}",
        statistics.median(mine.rate_s / theirs.rate_s for mine, theirs in pairs),
        AIMS[way],
    )


def _describe(runs: list[Measured], per_request: int) -> str:
    rate = statistics.median(run.rate_s for run in runs) * per_request
    p50, p99 = statistics.median(run.p50_ms for run in runs), statistics.median(run.p99_ms for run in runs)
    return f"{rate:,.0f} activities/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
