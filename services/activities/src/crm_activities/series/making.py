"""Makes the instances that are due, as long as the worker runs: a batch of each tenant in turn."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import Counter

from crm_activities.activities import events
from crm_activities.activities.activity import Activity
from crm_activities.activities.domain import ActivityLogged
from crm_activities.series import repository
from crm_activities.series.domain import BATCH_INSTANCES, Plan, Series, make_instance, plan
from crm_shared.background import background, repeat
from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock
from crm_shared.contracts import Actor
from crm_shared.database import Database, Transaction
from crm_shared.features.replicas.canonical import lock_canonical
from crm_shared.json_text import to_json
from crm_shared.publishing import publish

logger = structlog.get_logger(__name__)

MADE: Final = Counter("crm_series_instances", "Instances of series that the worker made")

PAGE_SERIES: Final = 100
BATCH_SERIES: Final = 10
"""Of one tenant, in one transaction: those that had to be made at once are many, each with an instance or two."""
FAILED: Final = Counter("crm_series_failures", "Times that a series could not be made and was put off")

BATCH_BYTES: Final = 500_000
"""Of what instances copy: long texts make smaller batches."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(days=1)
# Twice as long after each failure in a row; in SQL alone, as what is wrong with the row may be anything.
PUT_OFF: Final = """
    UPDATE activity_series
       SET failures = failures + 1,
           due_at = $3 + least($4::interval * power(2, least(failures, 20)), $5)
     WHERE tenant_id = $1 AND id = $2 AND due_at <= $3
"""

LIST_DUE: Final = """
    SELECT tenant_id, id FROM activity_series WHERE due_at <= $1 ORDER BY due_at, tenant_id, id LIMIT $2
"""
# When more is due than a page: some of each tenant, whoever was first. From tenant to tenant by the index.
LIST_DUE_OF_EACH: Final = """
    WITH RECURSIVE tenants AS (
        (SELECT tenant_id FROM activity_series WHERE due_at IS NOT NULL ORDER BY tenant_id LIMIT 1)
        UNION ALL
        SELECT (SELECT s.tenant_id FROM activity_series s
                 WHERE s.tenant_id > t.tenant_id AND s.due_at IS NOT NULL ORDER BY s.tenant_id LIMIT 1)
          FROM tenants t
         WHERE t.tenant_id IS NOT NULL
    )
    SELECT t.tenant_id, due.id
      FROM tenants t
     CROSS JOIN LATERAL (SELECT s.id FROM activity_series s
                          WHERE s.tenant_id = t.tenant_id AND s.due_at <= $1
                          ORDER BY s.due_at, s.id LIMIT $2) AS due
"""


async def make_due(database: Database, clock: Clock, backpressure: Backpressure | None = None) -> int:
    """Go once through the tenants for whom something is due; give the number of series that went on.

    With a `backpressure` what goes beyond one batch waits for those that read of it. `database` is the worker role's.
    Raises what kept a batch from being made, once all others have had their turn.
    """
    gone_on = made_since = 0
    failure: Exception | None = None
    for tenant_id, series_ids in await _list_due(database, clock.now()):
        try:
            series, made = await _make_apart(database, tenant_id, series_ids, clock)
        except Exception as error:  # noqa: BLE001 - raised below
            failure = error
            continue
        gone_on, made_since = gone_on + series, made_since + made
        if backpressure is not None and made_since >= BATCH_INSTANCES:
            await backpressure.wait()
            made_since = 0
    if failure is not None:
        raise failure
    return gone_on


async def _list_due(database: Database, now: datetime) -> list[tuple[UUID, list[UUID]]]:
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(LIST_DUE, now, PAGE_SERIES)
        if len(rows) == PAGE_SERIES:
            rows = await connection.fetch(LIST_DUE_OF_EACH, now, BATCH_SERIES)
    due: dict[UUID, list[UUID]] = {}
    for row in rows:
        due.setdefault(row["tenant_id"], []).append(row["id"])
    return [
        (tenant_id, ids[begin : begin + BATCH_SERIES])
        for tenant_id, ids in due.items()
        for begin in range(0, len(ids), BATCH_SERIES)
    ]


async def _make_apart(database: Database, tenant_id: UUID, series_ids: Sequence[UUID], clock: Clock) -> tuple[int, int]:
    """Make a batch, or where that fails each series by itself, so that one that can't be made stops no other.

    What fails alone is put off, longer each time. Raises what keeps it from being put off.
    """
    try:
        return await make_batch(database, tenant_id, series_ids, clock)
    except Exception:
        if len(series_ids) == 1:
            logger.exception("series_put_off", series_id=str(series_ids[0]))
            async with database.begin_as_worker() as transaction:
                await transaction.execute(PUT_OFF, tenant_id, series_ids[0], clock.now(), FIRST_PAUSE, LONGEST_PAUSE)
            FAILED.inc()
            return 0, 0
    counts = [await _make_apart(database, tenant_id, [series_id], clock) for series_id in series_ids]
    return sum(series for series, _ in counts), sum(made for _, made in counts)


async def make_batch(database: Database, tenant_id: UUID, series_ids: Sequence[UUID], clock: Clock) -> tuple[int, int]:
    """Make up to BATCH_INSTANCES of some series in one transaction; give how many series went on, and instances.

    Killed at any point it leaves all of it or nothing; done again it finds each instance written, under its id.
    """
    async with database.begin_as_worker() as transaction:
        now = clock.now()
        due = await repository.claim_due(transaction, tenant_id, series_ids, now)
        plans = await _plan_all(due, now)
        if not plans:
            return 0, 0
        instances = await _place(transaction, tenant_id, plans, now)
        inserted = await repository.insert_instances(transaction, tenant_id, instances) if instances else set()
        logged = [ActivityLogged(instance, at=now) for instance in instances if instance.id in inserted]
        wire = await events.MAPPING.to_wire_in_turns(logged, by=Actor(tenant_id))
        await publish(transaction, wire, audited=True)
        await repository.save(transaction, tenant_id, [planned.series for _, planned in plans])
    MADE.inc(len(logged))
    return len(plans), len(logged)


async def _plan_all(due: Sequence[Series], now: datetime) -> list[tuple[Series, Plan]]:
    """Plan as many of the series as make up a batch; each with itself as it was."""
    plans: list[tuple[Series, Plan]] = []
    left, left_bytes = BATCH_INSTANCES, BATCH_BYTES
    for series in due:
        if left <= 0 or left_bytes <= 0:
            break
        each_bytes = len(to_json(series.template)) + 1
        most = min(left, left_bytes // each_bytes + 1)
        planned = await asyncio.to_thread(plan, series, now=now, most=most)  # a rule may cost 150 ms
        plans.append((series, planned))
        left -= len(planned.occurrences)
        left_bytes -= len(planned.occurrences) * each_bytes
    return plans


async def _place(
    transaction: Transaction, tenant_id: UUID, plans: Sequence[tuple[Series, Plan]], now: datetime
) -> list[Activity]:
    """Return the instances, with the contacts in whom those that were named live on by now."""
    contacts = {(tenant_id, contact_id) for series, planned in plans if planned.occurrences
                for contact_id in series.contact_ids}  # fmt: skip
    canonical = await lock_canonical(transaction, contacts)
    homes = {contact_id: home for (_, contact_id), home in canonical.items()}
    return [make_instance(series, one, homes, now=now) for series, planned in plans for one in planned.occurrences]


@asynccontextmanager
async def making_series(
    database: Database, clock: Clock, backpressure: Backpressure, *, pause_s: float
) -> AsyncIterator[None]:
    """Keep making while in the block; look every `pause_s` seconds whether something is due."""

    async def make_some() -> bool:
        return await make_due(database, clock, backpressure) > 0

    async with background(repeat("series", make_some, pause_s=pause_s)):
        yield
