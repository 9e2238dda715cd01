"""A calendar feed of 5,000 entries: how long its reader waits, and how long the event loop is held for it."""

from datetime import UTC, datetime, timedelta

import httpx

from benchmarks.arena import Arena, Row, process
from benchmarks.held_loops import find_longest_s, read_held
from benchmarks.load import render, run_load
from benchmarks.size import WARM_UP_S, sized
from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import log
from crm_shared.clock import new_id
from crm_shared.database import Database

ENTRIES = sized(5000, tiny=50)
SECONDS = sized(10.0, tiny=0.2)
AIM_MS = 200.0


async def run(arena: Arena) -> list[Row]:
    """Plan ENTRIES meetings and tasks of one user, read their feed over and over."""
    await _plan(arena)
    with process(arena, "crm_activities.cli", "api") as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=arena.headers) as client:
            feed = (await client.post("/v1/calendar-feeds", json={})).raise_for_status().json()
            request = render("GET", str(feed["url"]).removeprefix(str(client.base_url).rstrip("/")), {})
            await run_load(port, [request], connections=1, seconds=WARM_UP_S)
            read = await run_load(port, [request], connections=1, seconds=SECONDS)
            held_s = find_longest_s(read_held((await client.get("/metrics")).text))
    return [
        Row(
            f"calendar feed of {ENTRIES:,} entries",
            f"p50 {read.p50_ms:.0f} ms, p99 {read.p99_ms:.0f} ms, the loop held {held_s * 1000:.0f} ms at most",
            f"at most {AIM_MS:.0f} ms, the loop held 50 ms",
            AIM_MS / read.p50_ms,
            1.0,
        )
    ]


async def _plan(arena: Arena) -> None:
    now = datetime.now(UTC)
    planned = [
        log(
            new_id(),
            NewActivity(
                type=ActivityType.TASK if number % 2 else ActivityType.MEETING,
                user_id=arena.tenant.admin.id,
                subject=f"Subject {number}, with a comma",
                body="Word " * 20,
                scheduled_at=now + timedelta(minutes=number),
            ),
            now=now,
        ).activity
        for number in range(ENTRIES)
    ]
    database = await Database.open(arena.worker_dsn, max_size=2)
    async with database.begin_as_worker() as transaction:
        rows = [ACTIVITY_TABLE.to_row(arena.tenant.id, activity) for activity in planned]
        await transaction.executemany(ACTIVITY_TABLE.insert, rows)
    await database.close()
