"""SQL that counts what reps did day by day, for the caller's eyes only: by sums of days of UTC for who sees all.

A day's sum goes, whole, to the day of the report's zone that its noon lies in. What of it belongs to another one lies
between a midnight of the zone and the nearer end of the day: there facts are read, and moved over.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from crm_reporting.reports.activity_visibility import ANY_KIND, IN_WINDOW, ActivityScope
from crm_reporting.reports.activity_visibility import DONE_AT as ACTIVITY_DONE_AT
from crm_reporting.reports.scope import Window
from crm_reporting.reports.zone_days import ZoneDays
from crm_reporting.row_arrays import to_columns
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns
from crm_shared.local_days import day_of

FEW_DAYS: Final = timedelta(days=400)
"""Of which each is looked at, before rows are; of more it is worked out row by row."""
PIECE_ROWS: Final = 2_000
"""Days of reps, read without letting others have the event loop: a year of 300 reps has a hundred thousand."""

DONE_AT: Final = "f.done_at"
KINDS: Final = """count(*) FILTER (WHERE f.type = 'CALL') AS calls, count(*) FILTER (WHERE f.type = 'EMAIL') AS emails,
           count(*) FILTER (WHERE f.type = 'MEETING') AS meetings, count(*) FILTER (WHERE f.type = 'NOTE') AS notes,
           count(*) FILTER (WHERE f.type = 'TASK') AS tasks_done"""
# Integers add up several times faster than what is wider, and no day of a rep has two thousand million activities.
BY_DAY: Final = """
    SELECT c.date, c.user_id, sum(c.calls::integer) AS calls, sum(c.emails::integer) AS emails,
           sum(c.meetings::integer) AS meetings, sum(c.notes::integer) AS notes,
           sum(c.tasks_done::integer) AS tasks_done
      FROM ({counted}) c
     WHERE c.date BETWEEN {first} AND {last}
     GROUP BY c.date, c.user_id
    HAVING (sum(c.calls::integer), sum(c.emails::integer), sum(c.meetings::integer), sum(c.notes::integer),
            sum(c.tasks_done::integer)) <> (0, 0, 0, 0, 0)
     ORDER BY c.date, c.user_id"""

NOON: Final = "((r.done_day + time '12:00') AT TIME ZONE 'UTC')"
"""A sum is at home in the zone's day that this lies in."""
OWN_DAY: Final = "r.done_day"
ONE_DAY: Final = timedelta(days=1)
MIDDAY: Final = time(12, tzinfo=UTC)
OF_DAYS: Final = """
    SELECT {home} AS date, r.user_id, r.calls, r.emails, r.meetings, r.notes, r.tasks_done
      FROM activity_rollup r
     WHERE r.tenant_id = $1 AND r.done_day BETWEEN ($2::timestamptz AT TIME ZONE 'UTC')::date
                                               AND ($3::timestamptz AT TIME ZONE 'UTC')::date
       AND {of_users}
     UNION ALL
    SELECT s.date, m.user_id, s.sign * m.calls, s.sign * m.emails, s.sign * m.meetings, s.sign * m.notes,
           s.sign * m.tasks_done
      FROM unnest({moved}) AS m (home, date, user_id, calls, emails, meetings, notes, tasks_done)
     CROSS JOIN LATERAL (VALUES (1, m.date), (-1, m.home)) AS s (sign, date)"""
MOVED_TYPES: Final = ("date", "date", "uuid", *["bigint"] * 5)

# An edge begins or ends with a midnight of the zone, of which clocks may show two: the earlier of them at the end of a
# home, the later at its beginning, so that nothing is missed. What an edge holds of its own day's home is passed over.
AT_EDGES: Final = """
    WITH days AS (
        SELECT r.done_day, {home} AS home
          FROM (SELECT DISTINCT r.done_day
                  FROM activity_rollup r
                 WHERE r.tenant_id = $1 AND r.done_day BETWEEN ($2::timestamptz AT TIME ZONE 'UTC')::date
                                                           AND ($3::timestamptz AT TIME ZONE 'UTC')::date
                   AND {of_rolled}) r
    ), edges AS MATERIALIZED (
        SELECT d.home, e.begins_at, e.ends_at
          FROM (SELECT d.home, d.done_day::timestamp AT TIME ZONE 'UTC' AS begins_at,
                       (d.done_day + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at,
                       (d.home + time '12:00') AT TIME ZONE $4 AS noon
                  FROM days d) d
         CROSS JOIN LATERAL (
               VALUES (d.begins_at, GREATEST(d.home::timestamp AT TIME ZONE $4, d.noon - interval '12 hours')),
                      (LEAST((d.home + 1)::timestamp AT TIME ZONE $4, d.noon + interval '12 hours'), d.ends_at)
               ) AS e (begins_at, ends_at)
         WHERE e.begins_at < e.ends_at
    )
    SELECT e.home, {date} AS date, f.user_id, {kinds}
      FROM edges e
     CROSS JOIN LATERAL (
           (SELECT a.occurred_at AS done_at, a.type, a.user_id
              FROM activity_facts a
             WHERE a.tenant_id = $1 AND a.occurred_at >= e.begins_at AND a.occurred_at < e.ends_at
               AND a.type <> 'TASK' AND a.user_id IS NOT NULL AND a.counts
             ORDER BY a.occurred_at)
            UNION ALL
           (SELECT a.completed_at, a.type, a.user_id
              FROM activity_facts a
             WHERE a.tenant_id = $1 AND a.completed_at >= e.begins_at AND a.completed_at < e.ends_at
               AND a.type = 'TASK' AND a.user_id IS NOT NULL AND a.counts
             ORDER BY a.completed_at)
           OFFSET 0) f
     WHERE {date} <> e.home AND {of_users}
     GROUP BY 1, 2, 3"""
# What comes in order without being sorted comes by the index of times. A planner that knows nothing of the tenant takes
# all its facts for one, and might go through them for each edge.
IN_ORDER_OR_NOT_AT_ALL: Final = "SET LOCAL enable_sort = off"
IN_ANY_ORDER: Final = "SET LOCAL enable_sort = on"

# Of who does not see all what is theirs is read activity by activity, and of a pipeline all is: sums know neither
# contacts nor deals.
OF_FACTS: Final = """
    SELECT {date} AS date, f.user_id, {kinds}
      FROM (SELECT {done_at} AS done_at, a.type, a.user_id
              FROM {seen} a{joins}
             WHERE a.user_id IS NOT NULL AND {is_asked_for}) f
     GROUP BY 1, 2"""


async def count_days(connection: Connection, scope: ActivityScope, window: Window) -> list[dict[str, Any]]:
    """Count by day and rep, in that order: the report's items."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    ends = {"first": where.number(window.first_day), "last": where.number(window.last_day)}
    if scope.is_of_all:
        moved = to_columns(await _find_moved(connection, scope, window), width=len(MOVED_TYPES))
        arrays = [f"{where.number(column)}::{type_}[]" for column, type_ in zip(moved, MOVED_TYPES, strict=True)]
        of_users = scope.of_users(where, "r.user_id")
        is_plain = _are_days_their_own(window, scope.time_zone)
        home = OWN_DAY if is_plain else ZoneDays(where, scope.time_zone).day_of(NOON)
        counted = OF_DAYS.format(home=home, of_users=of_users, moved=", ".join(arrays))
    else:
        seen = scope.select_seen(where, ANY_KIND, IN_WINDOW)
        date = ZoneDays(where, scope.time_zone).day_of(DONE_AT)
        counted = OF_FACTS.format(
            **scope.seek(where)._asdict(), seen=seen, done_at=ACTIVITY_DONE_AT, date=date, kinds=KINDS
        )
    rows = await connection.fetch(BY_DAY.format(counted=counted, **ends), *where.parameters)
    return [_to_day(row) async for row in in_turns(rows, at_once=PIECE_ROWS)]


async def _find_moved(connection: Connection, scope: ActivityScope, window: Window) -> list[tuple[Any, ...]]:
    """Count what lies between midnights, by the day whose sum it is in, the day that it belongs to, and user."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    days = ZoneDays(where, scope.time_zone)  # the zone is $4
    of_rolled, of_users = scope.of_users(where, "r.user_id"), scope.of_users(where, "f.user_id")
    dates = {"home": days.day_of(NOON), "date": days.day_of(DONE_AT)}
    statement = AT_EDGES.format(**dates, of_rolled=of_rolled, of_users=of_users, kinds=KINDS)
    await connection.execute(IN_ORDER_OR_NOT_AT_ALL)
    rows = await connection.fetch(statement, *where.parameters)
    await connection.execute(IN_ANY_ORDER)
    return [tuple(row) for row in rows]


def _are_days_their_own(window: Window, time_zone: str) -> bool:
    """Return whether each day's noon of UTC lies in the zone's day of the same date, as it does but in the far east."""
    if window.last_day - window.first_day > FEW_DAYS:
        return False
    days = (window.first_day + number * ONE_DAY for number in range(-1, (window.last_day - window.first_day).days + 2))
    return all(day_of(datetime.combine(day, MIDDAY), time_zone) == day for day in days)


def _to_day(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row)
