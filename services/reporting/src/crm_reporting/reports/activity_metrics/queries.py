"""SQL that counts what reps did, and what came of the e-mails they sent, for the caller's eyes only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from crm_reporting.reports.activity_visibility import ActivityScope
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns

PIECE_ROWS: Final = 2_000
"""Days of reps, read without letting others have the event loop: a year of 300 reps has a hundred thousand."""

COUNT_DAYS: Final = """
    SELECT (done.at AT TIME ZONE $4)::date AS date, done.user_id,
           count(*) FILTER (WHERE done.type = 'CALL') AS calls, count(*) FILTER (WHERE done.type = 'EMAIL') AS emails,
           count(*) FILTER (WHERE done.type = 'MEETING') AS meetings,
           count(*) FILTER (WHERE done.type = 'NOTE') AS notes, count(*) FILTER (WHERE done.type = 'TASK') AS tasks_done
      FROM ("""
HAPPENED: Final = """
    SELECT a.occurred_at AS at, a.type, a.user_id
      FROM activity_facts a{joins}
     WHERE a.tenant_id = $1 AND a.occurred_at >= $2 AND a.occurred_at < $3 AND a.type <> 'TASK'
       AND a.user_id IS NOT NULL AND a.counts AND {is_counted}"""
COMPLETED: Final = """
    UNION ALL
    SELECT a.completed_at, a.type, a.user_id
      FROM activity_facts a{joins}
     WHERE a.tenant_id = $1 AND a.completed_at >= $2 AND a.completed_at < $3 AND a.type = 'TASK'
       AND a.user_id IS NOT NULL AND a.counts AND {is_counted}"""
BY_DAY: Final = ") AS done GROUP BY 1, 2 ORDER BY 1, 2"

# Sorted by contact once, backwards in time, each sent e-mail finds the next one received by a running minimum: the
# cost does not depend on how many stand between. `unnest` takes an e-mail to each of its contacts. A reply that names
# the e-mail counts however late; 168 hours, as 7 days would be an hour more or less where clocks change.
SENT: Final = """
    WITH sent AS (
        SELECT a.activity_id, a.user_id, a.occurred_at, a.contact_ids, a.message_key
          FROM activity_facts a{joins}
         WHERE a.tenant_id = $1 AND a.occurred_at >= $2 AND a.occurred_at < $3 AND a.type = 'EMAIL'
           AND a.direction = 'OUTBOUND' AND a.user_id IS NOT NULL AND a.counts AND {is_counted}"""
RECEIVED: Final = """
    ), received AS (
        SELECT a.activity_id, a.occurred_at, a.contact_ids, a.in_reply_to, a.reference_keys
          FROM activity_facts a{joins}
         WHERE a.tenant_id = $1 AND a.occurred_at >= $2 AND a.type = 'EMAIL' AND a.direction = 'INBOUND'
           AND a.counts AND {is_seen}"""
COUNT_RESPONSES: Final = """
    ), streams AS (
        SELECT s.activity_id, s.occurred_at, true AS is_sent, unnest(s.contact_ids) AS contact_id
          FROM sent s
        UNION ALL
        SELECT r.activity_id, r.occurred_at, false, unnest(r.contact_ids)
          FROM received r
         WHERE r.occurred_at <= $3 + interval '168 hours'
    ), followed AS (
        SELECT s.activity_id, s.is_sent, s.occurred_at,
               min(s.occurred_at) FILTER (WHERE NOT s.is_sent)
                   OVER (PARTITION BY s.contact_id ORDER BY s.occurred_at DESC, s.activity_id DESC) AS reply_at
          FROM streams s
    ), replies AS (
        SELECT f.activity_id, f.reply_at
          FROM followed f
         WHERE f.is_sent AND f.reply_at <= f.occurred_at + interval '168 hours'
        UNION ALL
        SELECT s.activity_id, r.occurred_at
          FROM sent s
          JOIN received r ON r.in_reply_to = s.activity_id AND r.occurred_at >= s.occurred_at
        UNION ALL
        SELECT s.activity_id, r.occurred_at
          FROM sent s
          JOIN (SELECT occurred_at, unnest(reference_keys) AS key FROM received) AS r
            ON r.key = s.message_key AND r.occurred_at >= s.occurred_at
    ), answered AS (
        SELECT activity_id, min(reply_at) AS reply_at FROM replies GROUP BY activity_id
    )
    SELECT s.user_id, count(*) AS emails_sent, count(a.reply_at) AS responses,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.reply_at - s.occurred_at)::float8)
               AS median_response_s
      FROM sent s
      LEFT JOIN answered a ON a.activity_id = s.activity_id
     GROUP BY s.user_id
"""


@dataclass(frozen=True, slots=True)
class Responses:
    user_id: UUID
    emails_sent: int
    responses: int
    median_response_s: float | None


async def count_days(connection: Connection, scope: ActivityScope, window: Window) -> list[dict[str, Any]]:
    """Count by day and rep, in that order: the report's items."""
    where = Where(scope.caller.tenant_id, window.begin, window.end, scope.time_zone)
    sought = scope.seek(where)
    done = (HAPPENED + COMPLETED).format(joins=sought.joins, is_counted=f"{sought.is_seen} AND {sought.is_asked_for}")
    rows = await connection.fetch(COUNT_DAYS + done + BY_DAY, *where.parameters)
    return [_to_day(row) async for row in in_turns(rows, at_once=PIECE_ROWS)]


async def count_responses(connection: Connection, scope: ActivityScope, window: Window) -> list[Responses]:
    """Count the e-mails that each rep sent in the window, and those answered, be it after its end."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    sought = scope.seek(where)
    mails = (SENT + RECEIVED).format(
        joins=sought.joins, is_counted=f"{sought.is_seen} AND {sought.is_asked_for}", is_seen=sought.is_seen
    )
    rows = await connection.fetch(mails + COUNT_RESPONSES, *where.parameters)
    return [Responses(**row) for row in rows]


def _to_day(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row)
