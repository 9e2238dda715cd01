"""Asks for each report over HTTP as each role, and prints what DuckDB takes for the same rows beside it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from benchmarks.arena import Arena, Row, process
from benchmarks.load import Measured, render, run_load
from benchmarks.reports import bare_duckdb
from benchmarks.reports.filling import Filled, fill
from benchmarks.size import sized
from crm_shared.database import Database
from crm_testing.people import Person

DEALS: Final = sized(5_000_000, tiny=2_000)
SECONDS: Final = sized(3.0, tiny=0.05)
AIM: Final = 5.0
"""DuckDB's time to ours, for an ADMIN."""


def list_cases(now: datetime) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield name, path and parameters of each call. Windows end today and are of 90 days."""
    ago = {days: (now - timedelta(days=days)).isoformat() for days in (7, 90)}
    window = {"from": f"{now - timedelta(days=90):%Y-%m-%d}", "to": f"{now:%Y-%m-%d}"}
    yield "pipeline", "pipeline", {}
    yield "pipeline as of", "pipeline", {"as_of": ago[90]}
    yield "forecast", "forecast", {}
    yield "forecast as of", "forecast", {"as_of": ago[90]}
    yield "movement", "movement", {"from": ago[7]}
    yield "conversion", "conversion", window
    yield "stage-age", "stage-age", {}
    for name in ("win-rate", "velocity", "leaderboard"):
        yield name, name, window
    yield "win-rate, reasons", "win-rate", {**window, "group_by": "lost_reason"}
    yield "attainment", "attainment", {}
    for name in ("activity-metrics", "response-times"):
        yield name, name, window


async def run(arena: Arena, *, deals: int = DEALS) -> list[Row]:
    """Fill, measure every report as every role, and DuckDB on a copy of the same rows."""
    began_s = time.perf_counter()
    async with Database.opened(arena.worker_dsn, max_size=2) as database:
        filled = await fill(arena, database, deals)
    reference = await bare_duckdb.load(arena.worker_dsn, arena.tenant.id)
    print(f"filled in {time.perf_counter() - began_s:.0f} s", flush=True)
    rows: list[Row] = []
    with process(arena, "crm_reporting.cli", "api") as port:
        for name, path, parameters in list_cases(datetime.now(UTC)):
            bare_ms = bare_duckdb.measure(reference, name, seconds=SECONDS)
            for role, person in filled.callers.items():
                found = await _measure(arena, port, filled, path, parameters, person)
                rows.append(_to_row(name, role, deals, found, bare_ms))
                print(f"{name:18} {role:14} {found.p50_ms:9.1f} {found.p99_ms:9.1f} | {bare_ms:9.1f}", flush=True)
    reference.close()
    return rows


async def _measure(
    arena: Arena, port: int, filled: Filled, path: str, parameters: dict[str, str], person: Person
) -> Measured:
    token = arena.issuer.sign(person.tenant_id, person.id, ttl_s=36000)
    asked = urlencode({"pipeline_id": str(filled.pipeline.id), **parameters} if _is_of_deals(path) else parameters)
    request = render("GET", f"/v1/reports/{path}?{asked}", {"Authorization": f"Bearer {token}"})
    await run_load(port, [request], connections=1, seconds=SECONDS / 10)
    return await run_load(port, [request], connections=1, seconds=SECONDS)


def _is_of_deals(path: str) -> bool:
    return path not in {"activity-metrics", "response-times"}


def _to_row(name: str, role: str, deals: int, found: Measured, bare_ms: float) -> Row:
    is_admin = role == "ADMIN"
    return Row(
        f"report {name}, {role}, {deals:,} deals",
        f"p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms",
        f"DuckDB, everybody's: {bare_ms:.1f} ms" if is_admin else "",
        bare_ms / found.p50_ms if is_admin else None,
        AIM if is_admin else None,
    )
