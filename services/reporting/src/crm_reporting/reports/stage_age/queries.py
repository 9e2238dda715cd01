"""SQL that reads how long deals stay in stages, for the caller's eyes only."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age.figures import (
    LengthClass,
    OpenPlace,
    OpenStays,
    Place,
    StageStays,
    interpolate,
    list_open_places,
    list_places,
    to_open_stays,
    to_stays,
)
from crm_shared.access import Permission
from crm_shared.database import Connection, Where

MEASURE = """
    SELECT stage_id, {is_over} AS is_over, count(*) AS stay_count, avg(lasted_s) AS average_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_s) AS median_s,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY lasted_s) AS p90_s
      FROM ("""
BY_STAGE = ") s GROUP BY 1"

# Of open deals the stay goes on. A clock of another machine that is ahead makes none last less than nothing.
OPEN = """
    SELECT d.stage_id, extract(epoch FROM greatest($2 - d.stage_changed_at, interval '0'))::float8 AS lasted_s
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND d.status = 'OPEN' AND d.stage_id = ANY ($3) AND """
# All together they have stayed now, so many times, less the sum of their entries; an entry that is yet to come counts
# as now.
SUM_OPEN = """
    SELECT o.stage_id, sum(o.deal_count)::bigint AS stay_count,
           sum(o.deal_count) * extract(epoch FROM $2::timestamptz) - sum(o.entered_s) AS total_s
      FROM (
    SELECT r.stage_id, r.deal_count, r.stage_changed_epoch_s AS entered_s
      FROM deal_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $4 AND r.status = 'OPEN' AND r.stage_id = ANY ($3) AND {rolled}
     UNION ALL
    SELECT w.stage_id, 0, extract(epoch FROM $2 - d.stage_changed_at)
      FROM unnest($3::uuid[]) AS w (stage_id)
     CROSS JOIN LATERAL (
        SELECT d.stage_changed_at
          FROM deal_facts d
         WHERE d.tenant_id = $1 AND NOT d.is_deleted AND d.status = 'OPEN' AND d.stage_id = w.stage_id
           AND d.stage_changed_at > $2 AND {seen}
         ORDER BY d.stage_changed_at
        OFFSET 0) d) o
     GROUP BY 1
     ORDER BY 1
"""
# Ages at places, in the order in which the deals came into the stage. What is made of a row is made of those at the
# place alone, so not where rows are passed over.
FIND_AGES = """
    SELECT w.number,
           array_agg(extract(epoch FROM greatest($2 - s.entered_at, interval '0'))::float8 ORDER BY s.entered_at DESC)
               AS lengths
      FROM unnest($3::uuid[], $4::bigint[]) WITH ORDINALITY AS w (stage_id, passed, number)
     CROSS JOIN LATERAL (
        SELECT d.stage_changed_at AS entered_at
          FROM deal_facts d
         WHERE d.tenant_id = $1 AND NOT d.is_deleted AND d.status = 'OPEN' AND d.stage_id = w.stage_id AND {seen}
         ORDER BY d.stage_changed_at
        OFFSET w.passed
         LIMIT 2) s
     GROUP BY 1
     ORDER BY 1
"""

# What is wanted in an index's order comes by this index, and is not sorted. A planner that takes the stays for a few
# would read and sort all of a tenant's, for each place.
MAY_SORT = "SELECT set_config('enable_sort', $1, true)"

LIST_CLASSES = """
    SELECT r.stage_id, r.length_class, sum(r.stay_count)::bigint AS stay_count, sum(r.total_s) AS total_s
      FROM stay_rollup r
     WHERE r.tenant_id = $1 AND r.stage_id = ANY ($2) AND """
BY_CLASS = " GROUP BY 1, 2 ORDER BY 1, 2"

# Lengths at places: from the first of the place's class on, or from its last on backwards, in the index's order.
# `passed` of them come before.
FIND_LENGTHS = """
    SELECT w.number, array_agg(s.lasted_s ORDER BY s.lasted_s) AS lengths
      FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::bigint[], $6::boolean[])
           WITH ORDINALITY AS w (stage_id, length_class, next_class, passed, is_backwards, number)
     CROSS JOIN LATERAL (
       (SELECT s.lasted_s
          FROM stage_stays s
         WHERE NOT w.is_backwards AND s.tenant_id = $1 AND s.stage_id = w.stage_id
           AND s.length_class BETWEEN w.length_class AND w.next_class AND {seen}
         ORDER BY s.length_class, s.lasted_s
        OFFSET w.passed
         LIMIT 2)
         UNION ALL
       (SELECT s.lasted_s
          FROM stage_stays s
         WHERE w.is_backwards AND s.tenant_id = $1 AND s.stage_id = w.stage_id
           AND s.length_class BETWEEN w.length_class AND w.next_class AND {seen}
         ORDER BY s.length_class DESC, s.lasted_s DESC
        OFFSET w.passed
         LIMIT 2)) s
     GROUP BY 1
     ORDER BY 1
"""

# What a contact's share shows has no sums: whoever has one has each stay read, open deals' too.
OWNED = """
    SELECT s.stage_id, s.lasted_s
      FROM stage_stays s
     WHERE s.tenant_id = $1 AND s.stage_id = ANY ($2) AND """
SHARED = """
    SELECT s.stage_id, s.lasted_s
      FROM deal_facts d
      JOIN stage_stays s ON s.tenant_id = d.tenant_id AND s.deal_id = d.deal_id AND s.stage_id = ANY ($2)
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND """


async def measure_stays(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    """Measure the stays in each stage that go on, and those that are over; a stage without any is not among them."""
    if scope.caller.has_shares and not scope.caller.can(Permission.SEE_ALL):
        return [
            *await _measure_each_open(connection, scope, stage_ids),
            *await _measure_each(connection, scope, stage_ids),
        ]
    return [*await _measure_open(connection, scope, stage_ids), *await _measure_by_class(connection, scope, stage_ids)]


async def _measure_each_open(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    where = Where(scope.caller.tenant_id, scope.now, stage_ids)
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    statement = MEASURE.format(is_over="false") + " UNION ALL ".join(OPEN + branch for branch in branches) + BY_STAGE
    return [StageStays(**row) for row in await connection.fetch(statement, *where.parameters)]


async def _measure_each(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    where = Where(scope.caller.tenant_id, stage_ids)
    [owned] = scope.list_branches(where.fork(), "s.owner_id", contact_id=None)
    shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")[1:]
    seen = " UNION ALL ".join([OWNED + owned, *(SHARED + branch for branch in shared)])
    rows = await connection.fetch(MEASURE.format(is_over="true") + seen + BY_STAGE, *where.parameters)
    return [StageStays(**row) for row in rows]


async def _measure_open(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    """Count and average from the sums, and look up the ages in the middle and at nine tenths."""
    where = Where(scope.caller.tenant_id, scope.now, stage_ids, scope.pipeline_id)
    [rolled] = scope.list_branches(where.fork(), "r.owner_id", contact_id=None)
    [seen] = scope.list_branches(where, "d.owner_id", contact_id=None)
    async with _in_order(connection):
        rows = await connection.fetch(SUM_OPEN.format(rolled=rolled, seen=seen), *where.parameters)
    stays = [OpenStays(**row) for row in rows]
    places = list_open_places(stays)
    where = Where(
        scope.caller.tenant_id, scope.now, [place.stage_id for place in places], [place.passed for place in places]
    )
    [seen] = scope.list_branches(where, "d.owner_id", contact_id=None)
    lengths = await _look_up(connection, FIND_AGES.format(seen=seen), where, places)
    return to_open_stays(stays, lengths)


async def _measure_by_class(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    """Count and average from the sums, and look up the lengths in the middle and at nine tenths."""
    where = Where(scope.caller.tenant_id, stage_ids)
    [seen] = scope.list_branches(where, "r.owner_id", contact_id=None)
    rows = await connection.fetch(LIST_CLASSES + seen + BY_CLASS, *where.parameters)
    classes = [LengthClass(**row) for row in rows]
    places = list_places(classes)
    where = Where(
        scope.caller.tenant_id,
        [place.stage_id for place in places],
        [place.length_class for place in places],
        [place.next_class for place in places],
        [place.passed for place in places],
        [place.is_backwards for place in places],
    )
    [seen] = scope.list_branches(where, "s.owner_id", contact_id=None)
    return to_stays(classes, await _look_up(connection, FIND_LENGTHS.format(seen=seen), where, places))


@asynccontextmanager
async def _in_order(connection: Connection) -> AsyncIterator[None]:
    """Have nothing sorted that an index holds in order. Where a statement fails, the transaction is over anyway."""
    await connection.fetch(MAY_SORT, "off")
    yield
    await connection.fetch(MAY_SORT, "on")


async def _look_up(
    connection: Connection, statement: str, where: Where, places: Sequence[Place | OpenPlace]
) -> list[float]:
    """Return the percentiles at the places, from the lengths that `statement` finds there."""
    if not places:
        return []
    async with _in_order(connection):
        rows = await connection.fetch(statement, *where.parameters)
    return [interpolate(place, row["lengths"]) for place, row in zip(places, rows, strict=True)]
