"""Ten thousand reminders due at one moment: how long after it each is committed, with its event and its audit.

Once written long enough before that the worker makes them ready, as reminders are, and once so shortly that it can't.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from benchmarks.arena import Arena, Row, process
from benchmarks.size import sized
from crm_activities.activities.activity import ActivityType, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import log
from crm_activities.reminders.preparing import AHEAD
from crm_shared.clock import new_id
from crm_shared.database import Database

DUE = sized(10_000, tiny=50)
FORESEEN_S = AHEAD.total_seconds() + sized(5.0, tiny=1.0)
UNFORESEEN_S = 3.0
"""From when their time is named for all of them to that time."""

POLL_S = 0.1  # each look reads all that was given: more of them would be a good part of what is measured
AIM_S = 1.0
NAME_TIME = "UPDATE activities SET remind_at = $1, reminded_at = NULL"
COUNT_GIVEN = "SELECT count(*) FROM outbox WHERE type = 'crm.activity.reminded'"


async def run(arena: Arena) -> list[Row]:
    """Let the worker run before they are due, and look from outside when each part of them is there."""
    database = await Database.open(arena.worker_dsn, max_size=2)
    try:
        await _write(arena, database)
        with process(arena, "crm_activities.cli", "worker"):
            return [
                await _measure(database, "made ready", FORESEEN_S),
                await _measure(database, f"named {UNFORESEEN_S:g} s before", UNFORESEEN_S),
            ]
    finally:
        await database.close()


async def _measure(database: Database, how: str, named_before_s: float) -> Row:
    delays_s = await _watch(database, await _name_time(database, named_before_s))
    p50_s, p99_s = delays_s[len(delays_s) // 2], delays_s[int(len(delays_s) * 0.99)]
    return Row(
        f"{DUE:,} reminders due at once, {how}",
        f"given p50 {p50_s:.2f} s, p99 {p99_s:.2f} s after their time",
        f"at most {AIM_S:.0f} s",
        AIM_S / p99_s,
        1.0,
    )


async def _write(arena: Arena, database: Database) -> None:
    now = datetime.now(UTC)
    new = NewActivity(
        type=ActivityType.TASK,
        user_id=arena.tenant.admin.id,
        subject="Call the plant",
        body="Word " * 40,
        scheduled_at=now + timedelta(days=1),
    )
    rows = [ACTIVITY_TABLE.to_row(arena.tenant.id, log(new_id(), new, now=now).activity) for _ in range(DUE)]
    async with database.begin_as_worker() as transaction:
        await transaction.executemany(ACTIVITY_TABLE.insert, rows)


async def _name_time(database: Database, named_before_s: float) -> datetime:
    async with database.begin_as_worker() as transaction:
        await transaction.execute("DELETE FROM outbox")
        due_at = datetime.now(UTC) + timedelta(seconds=named_before_s)
        await transaction.execute(NAME_TIME, due_at)
    if datetime.now(UTC) >= due_at:
        raise TimeoutError(f"naming {DUE:,} reminders took longer than {named_before_s:g} s")
    return due_at


async def _watch(database: Database, due_at: datetime) -> list[float]:
    """Return by how much each was late, in the order in which they were committed."""
    late_s = -(due_at - datetime.now(UTC)).total_seconds()
    began_s = time.monotonic() - late_s
    delays_s: list[float] = []
    while len(delays_s) < DUE:
        await asyncio.sleep(POLL_S)
        async with database.read_as_worker() as connection:
            given = int(await connection.fetchval(COUNT_GIVEN))
        delays_s += [time.monotonic() - began_s] * (given - len(delays_s))
    return delays_s
