"""SQL that counts what reps did day by day, for the caller's eyes only: sums of days of UTC, and facts at their edges.

A day's sum goes, whole, to the day of the report's zone that its noon lies in. What of it belongs to another one lies
between a midnight of the zone and the nearer end of the day: there facts are read, and moved over.
"""

from typing import Any, Final

from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns
from crm_shared.permissions import Permission

PIECE_ROWS: Final = 2_000
"""Days of reps, read without letting others have the event loop: a year of 300 reps has a hundred thousand."""

KINDS: Final = """count(*) FILTER (WHERE f.type = 'CALL') AS calls, count(*) FILTER (WHERE f.type = 'EMAIL') AS emails,
           count(*) FILTER (WHERE f.type = 'MEETING') AS meetings, count(*) FILTER (WHERE f.type = 'NOTE') AS notes,
           count(*) FILTER (WHERE f.type = 'TASK') AS tasks_done"""
BY_DAY: Final = """
    SELECT c.date, c.user_id, sum(c.calls)::bigint AS calls, sum(c.emails)::bigint AS emails,
           sum(c.meetings)::bigint AS meetings, sum(c.notes)::bigint AS notes, sum(c.tasks_done)::bigint AS tasks_done
      FROM ({counted}) c
     WHERE c.date BETWEEN $5 AND $6
     GROUP BY c.date, c.user_id
    HAVING (sum(c.calls), sum(c.emails), sum(c.meetings), sum(c.notes), sum(c.tasks_done)) <> (0, 0, 0, 0, 0)
     ORDER BY c.date, c.user_id"""

# `home` is the zone's day that a day's noon lies in. An edge begins or ends with a midnight of the zone, of which
# clocks may show two: the earlier of them at the end of a home, the later at its beginning, so that nothing is missed.
# What an edge holds of its own day's home is passed over.
OF_DAYS: Final = """
    WITH rolled AS MATERIALIZED (
        SELECT r.done_day, ((r.done_day + time '12:00') AT TIME ZONE 'UTC' AT TIME ZONE $4)::date AS home, r.user_id,
               r.calls, r.emails, r.meetings, r.notes, r.tasks_done
          FROM activity_rollup r
         WHERE r.tenant_id = $1 AND r.done_day BETWEEN ($2::timestamptz AT TIME ZONE 'UTC')::date
                                                   AND ($3::timestamptz AT TIME ZONE 'UTC')::date
           AND {of_rolled}
    ), days AS (
        SELECT DISTINCT r.home, r.done_day::timestamp AT TIME ZONE 'UTC' AS begins_at,
               (r.done_day + 1)::timestamp AT TIME ZONE 'UTC' AS ends_at,
               (r.home + time '12:00') AT TIME ZONE $4 AS noon
          FROM rolled r
    ), edges AS MATERIALIZED (
        SELECT e.home, e.begins_at, e.ends_at
          FROM days d
         CROSS JOIN LATERAL (
               VALUES (d.home, d.begins_at,
                       GREATEST(d.home::timestamp AT TIME ZONE $4, d.noon - interval '12 hours')),
                      (d.home, LEAST((d.home + 1)::timestamp AT TIME ZONE $4, d.noon + interval '12 hours'), d.ends_at)
               ) AS e (home, begins_at, ends_at)
         WHERE e.begins_at < e.ends_at
    ), edged AS (
        SELECT e.home, (f.done_at AT TIME ZONE $4)::date AS date, f.user_id, {kinds}
          FROM edges e
         CROSS JOIN LATERAL (
               SELECT a.occurred_at AS done_at, a.type, a.user_id
                 FROM activity_facts a
                WHERE a.tenant_id = $1 AND a.occurred_at >= e.begins_at AND a.occurred_at < e.ends_at
                  AND a.type <> 'TASK' AND a.user_id IS NOT NULL AND a.counts AND {of_facts}
                UNION ALL
               SELECT a.completed_at, a.type, a.user_id
                 FROM activity_facts a
                WHERE a.tenant_id = $1 AND a.completed_at >= e.begins_at AND a.completed_at < e.ends_at
                  AND a.type = 'TASK' AND a.user_id IS NOT NULL AND a.counts AND {of_facts}
               OFFSET 0) f
         WHERE (f.done_at AT TIME ZONE $4)::date <> e.home
         GROUP BY 1, 2, 3
    )
    SELECT r.home AS date, r.user_id, r.calls, r.emails, r.meetings, r.notes, r.tasks_done
      FROM rolled r
     UNION ALL
    SELECT s.date, e.user_id, s.sign * e.calls, s.sign * e.emails, s.sign * e.meetings, s.sign * e.notes,
           s.sign * e.tasks_done
      FROM edged e
     CROSS JOIN LATERAL (VALUES (1, e.date), (-1, e.home)) AS s (sign, date)"""

# What is seen by a contact or a deal alone, and a pipeline's: sums know neither.
OF_FACTS: Final = """
    SELECT (f.done_at AT TIME ZONE $4)::date AS date, f.user_id, {kinds}
      FROM (SELECT a.occurred_at AS done_at, a.type, a.user_id
              FROM activity_facts a{joins}
             WHERE a.tenant_id = $1 AND a.occurred_at >= $2 AND a.occurred_at < $3 AND a.type <> 'TASK'
               AND a.user_id IS NOT NULL AND a.counts AND {is_seen} AND {is_asked_for}
             UNION ALL
            SELECT a.completed_at, a.type, a.user_id
              FROM activity_facts a{joins}
             WHERE a.tenant_id = $1 AND a.completed_at >= $2 AND a.completed_at < $3 AND a.type = 'TASK'
               AND a.user_id IS NOT NULL AND a.counts AND {is_seen} AND {is_asked_for}) f
     GROUP BY 1, 2"""


async def count_days(connection: Connection, scope: ActivityScope, window: Window) -> list[dict[str, Any]]:
    """Count by day and rep, in that order: the report's items."""
    where = Where(
        scope.caller.tenant_id, window.begin, window.end, scope.time_zone, window.first_day, window.last_day
    )
    parts = []
    if scope.pipeline_id is None:
        of_rolled, of_facts = scope.of_users(where, "r.user_id"), scope.of_users(where, "a.user_id")
        parts.append("(" + OF_DAYS.format(of_rolled=of_rolled, of_facts=of_facts, kinds=KINDS) + ")")
    if scope.pipeline_id is not None or not scope.caller.can(Permission.SEE_ALL):
        sought = scope.seek(where, beyond_users=scope.pipeline_id is None)
        parts.append(OF_FACTS.format(**sought._asdict(), kinds=KINDS))
    rows = await connection.fetch(BY_DAY.format(counted=" UNION ALL ".join(parts)), *where.parameters)
    return [dict(row) async for row in in_turns(rows, at_once=PIECE_ROWS)]
