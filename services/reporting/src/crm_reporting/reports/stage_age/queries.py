"""SQL that reads how long deals stay in stages, for the caller's eyes only."""

from collections.abc import Sequence
from uuid import UUID

from crm_reporting.reports.scope import Scope
from crm_reporting.reports.stage_age.figures import LengthClass, Place, StageStays, list_places, to_stays
from crm_shared.access import Permission
from crm_shared.database import Connection, Where

# Of open deals the stay goes on. A clock of another machine that is ahead makes none last less than nothing.
SEEN = """
    SELECT d.stage_id, extract(epoch FROM greatest($2 - d.stage_changed_at, interval '0'))::float8 AS lasted_s
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND NOT d.is_deleted AND d.status = 'OPEN' AND d.stage_id = ANY ($3) AND """
MEASURE = """
    SELECT stage_id, {is_over} AS is_over, count(*) AS stay_count, avg(lasted_s) AS average_s,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY lasted_s) AS median_s,
           percentile_cont(0.9) WITHIN GROUP (ORDER BY lasted_s) AS p90_s
      FROM ("""
BY_STAGE = ") s GROUP BY 1"

LIST_CLASSES = """
    SELECT r.stage_id, r.length_class, sum(r.stay_count)::bigint AS stay_count, sum(r.total_s) AS total_s
      FROM stay_rollup r
     WHERE r.tenant_id = $1 AND r.stage_id = ANY ($2) AND """
BY_CLASS = " GROUP BY 1, 2 ORDER BY 1, 2"

# Lengths at places: from the first of the place's class on, in the index's order. `passed` of them come before. A
# planner that takes the stays for a few would sort all of a tenant's for each place, so it may not sort.
MAY_SORT = "SELECT set_config('enable_sort', $1, true)"
FIND_LENGTHS = """
    SELECT w.number, array_agg(s.lasted_s ORDER BY s.lasted_s) AS lengths
      FROM unnest($2::uuid[], $3::integer[], $4::integer[], $5::bigint[])
           WITH ORDINALITY AS w (stage_id, length_class, next_class, passed, number)
     CROSS JOIN LATERAL (
        SELECT s.lasted_s
          FROM stage_stays s
         WHERE s.tenant_id = $1 AND s.stage_id = w.stage_id
           AND s.length_class BETWEEN w.length_class AND w.next_class AND {seen}
         ORDER BY s.length_class, s.lasted_s
        OFFSET w.passed
         LIMIT 2) s
     GROUP BY 1
     ORDER BY 1
"""

# What a contact's share shows has no sums: whoever has one has each stay read.
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
    where = Where(scope.caller.tenant_id, scope.now, stage_ids)
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    statement = MEASURE.format(is_over="false") + " UNION ALL ".join(SEEN + branch for branch in branches) + BY_STAGE
    going_on = [StageStays(**row) for row in await connection.fetch(statement, *where.parameters)]
    if scope.caller.has_shares and not scope.caller.can(Permission.SEE_ALL):
        return going_on + await _measure_each(connection, scope, stage_ids)
    return going_on + await _measure_by_class(connection, scope, stage_ids)


async def _measure_each(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    where = Where(scope.caller.tenant_id, stage_ids)
    [owned] = scope.list_branches(where.fork(), "s.owner_id", contact_id=None)
    shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")[1:]
    seen = " UNION ALL ".join([OWNED + owned, *(SHARED + branch for branch in shared)])
    rows = await connection.fetch(MEASURE.format(is_over="true") + seen + BY_STAGE, *where.parameters)
    return [StageStays(**row) for row in rows]


async def _measure_by_class(connection: Connection, scope: Scope, stage_ids: Sequence[UUID]) -> list[StageStays]:
    """Count and average from the sums, and look up the lengths in the middle and at nine tenths."""
    where = Where(scope.caller.tenant_id, stage_ids)
    [seen] = scope.list_branches(where, "r.owner_id", contact_id=None)
    rows = await connection.fetch(LIST_CLASSES + seen + BY_CLASS, *where.parameters)
    classes = [LengthClass(**row) for row in rows]
    places = list_places(classes)
    return to_stays(classes, await _find_lengths(connection, scope, places) if places else [])


async def _find_lengths(connection: Connection, scope: Scope, places: Sequence[Place]) -> list[float]:
    where = Where(
        scope.caller.tenant_id,
        [place.stage_id for place in places],
        [place.length_class for place in places],
        [place.next_class for place in places],
        [place.passed for place in places],
    )
    [seen] = scope.list_branches(where, "s.owner_id", contact_id=None)
    await connection.fetch(MAY_SORT, "off")
    rows = await connection.fetch(FIND_LENGTHS.format(seen=seen), *where.parameters)
    await connection.fetch(MAY_SORT, "on")
    return [place.interpolate(row["lengths"]) for place, row in zip(places, rows, strict=True)]
