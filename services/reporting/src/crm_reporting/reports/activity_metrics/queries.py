"""SQL that counts what came of the e-mails that reps sent, for the caller's eyes only."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from crm_reporting.reports.activity_visibility import EMAIL, SINCE, ActivityScope
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection, Where

# Sorted by contact once, backwards in time, each sent e-mail finds the next one received by a running minimum: the
# cost does not depend on how many stand between. `unnest` takes an e-mail to each of its contacts. A reply that names
# the e-mail counts however late; 168 hours, as 7 days would be an hour more or less where clocks change.
EMAILS: Final = """
    WITH emails AS MATERIALIZED (
        SELECT a.activity_id, a.user_id, a.deal_id, a.occurred_at, a.contact_ids, a.message_key, a.in_reply_to,
               a.reference_keys, a.direction = 'OUTBOUND' AS is_ours
          FROM {seen} a
    ), sent AS (
        SELECT a.activity_id, a.user_id, a.occurred_at, a.contact_ids, a.message_key
          FROM emails a{joins}
         WHERE a.is_ours AND a.occurred_at < $3 AND a.user_id IS NOT NULL AND {is_asked_for}
    ), received AS (
        SELECT a.activity_id, a.occurred_at, a.contact_ids, a.in_reply_to, a.reference_keys
          FROM emails a
         WHERE NOT a.is_ours"""
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
# For who sees all, what answers each e-mail is kept.
COUNT_KEPT: Final = """
    SELECT s.user_id, count(*) AS emails_sent, count(s.answered_at) AS responses,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM s.answered_at - s.sent_at)::float8)
               AS median_response_s
      FROM sent_emails s
     WHERE s.tenant_id = $1 AND s.sent_at >= $2 AND s.sent_at < $3 AND s.user_id IS NOT NULL AND {of_users}
     GROUP BY s.user_id
"""


@dataclass(frozen=True, slots=True)
class Responses:
    user_id: UUID
    emails_sent: int
    responses: int
    median_response_s: float | None


async def count_responses(connection: Connection, scope: ActivityScope, window: Window) -> list[Responses]:
    """Count the e-mails that each rep sent in the window, and those answered, be it after its end."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    if scope.is_of_all:
        statement = COUNT_KEPT.format(of_users=scope.of_users(where, "s.user_id"))
    else:
        seen = scope.select_seen(where, EMAIL, SINCE)
        statement = EMAILS.format(seen=seen, **scope.seek(where)._asdict()) + COUNT_RESPONSES
    rows = await connection.fetch(statement, *where.parameters)
    return [Responses(**row) for row in rows]
