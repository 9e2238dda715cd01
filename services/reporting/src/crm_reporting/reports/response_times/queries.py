"""SQL that finds the reply to every message of a customer, for the caller's eyes only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_reporting.reports.activity_visibility import EMAIL, EVER, ActivityScope
from crm_reporting.reports.response_times.visible_replies import to_statement
from crm_reporting.reports.scope import Window
from crm_shared.database import Connection, Where
from crm_shared.permissions import Permission

# `place` is an e-mail's rank by time, so that "the next of ours" is a running minimum over a stream that is read
# backwards: of the thread, and for what has none there, of each contact. Each stream is sorted once; nothing is looked
# up message by message.
EMAILS: Final = """
    WITH emails AS MATERIALIZED (
        SELECT a.user_id, a.occurred_at, a.thread_id, a.contact_ids, a.direction = 'OUTBOUND' AS is_ours,
               row_number() OVER (ORDER BY a.occurred_at, a.activity_id) AS place,
               {is_asked_for} AS is_asked_for
          FROM {emails} a{joins}"""
# 168 hours, as 7 days would be an hour more or less where clocks change.
MEASURE: Final = """
    ), threads AS (
        SELECT e.place, e.is_ours, e.occurred_at, e.contact_ids,
               min(e.place) FILTER (WHERE e.is_ours)
                   OVER (PARTITION BY e.thread_id ORDER BY e.place DESC) AS reply
          FROM emails e
    ), waiting AS (
        SELECT t.place, t.occurred_at, t.contact_ids FROM threads t WHERE NOT t.is_ours AND t.reply IS NULL
    ), streams AS (
        SELECT w.place, false AS is_ours, unnest(w.contact_ids) AS contact_id FROM waiting w
        UNION ALL
        SELECT e.place, true, unnest(e.contact_ids) FROM emails e WHERE e.is_ours
    ), followed AS (
        SELECT s.place, s.is_ours,
               min(s.place) FILTER (WHERE s.is_ours)
                   OVER (PARTITION BY s.contact_id ORDER BY s.place DESC) AS reply
          FROM streams s
    ), written AS (
        SELECT f.place, min(f.reply) AS reply FROM followed f WHERE NOT f.is_ours GROUP BY f.place
    ), replies AS (
        SELECT t.place, t.reply FROM threads t WHERE NOT t.is_ours AND t.reply IS NOT NULL
        UNION ALL
        SELECT w.place, r.place
          FROM waiting w
          LEFT JOIN written f ON f.place = w.place
          LEFT JOIN emails r ON r.place = f.reply AND r.occurred_at <= w.occurred_at + interval '168 hours'
    ), blocks AS (
        SELECT min(place) AS place, reply FROM replies WHERE reply IS NOT NULL GROUP BY reply
        UNION ALL
        SELECT place, NULL FROM replies WHERE reply IS NULL
    )
    SELECT m.user_id, count(r.place) AS answered,
           percentile_cont(ARRAY[0.5, 0.9])
               WITHIN GROUP (ORDER BY extract(epoch FROM r.occurred_at - m.occurred_at)::float8) AS quantiles_s,
           count(*) FILTER (WHERE b.reply IS NULL) AS unanswered,
           min(m.occurred_at) FILTER (WHERE b.reply IS NULL) AS oldest_unanswered_at
      FROM blocks b
      JOIN emails m ON m.place = b.place
      LEFT JOIN emails r ON r.place = b.reply
     WHERE m.is_asked_for AND m.user_id IS NOT NULL
       AND (b.reply IS NULL OR (m.occurred_at >= $2 AND m.occurred_at < $3))
     GROUP BY m.user_id
     ORDER BY m.user_id
"""

# For who sees all, what answers each message is kept.
MEASURE_KEPT: Final = """
    SELECT user_id, COALESCE(b.answered, 0) AS answered, b.quantiles_s, COALESCE(w.unanswered, 0) AS unanswered,
           w.oldest_unanswered_at
      FROM (SELECT s.block_user_id AS user_id, count(*) AS answered,
                   percentile_cont(ARRAY[0.5, 0.9])
                       WITHIN GROUP (ORDER BY extract(epoch FROM s.sent_at - s.block_began_at)::float8) AS quantiles_s
              FROM sent_emails s
             WHERE s.tenant_id = $1 AND s.block_began_at >= $2 AND s.block_began_at < $3
               AND s.block_user_id IS NOT NULL AND {of_blocks}
             GROUP BY s.block_user_id) b
      FULL JOIN (
            SELECT r.user_id, count(*) AS unanswered, min(r.received_at) AS oldest_unanswered_at
              FROM received_emails r
             WHERE r.tenant_id = $1 AND r.reply_id IS NULL AND r.user_id IS NOT NULL AND {of_waiting}
             GROUP BY r.user_id) w USING (user_id)
     ORDER BY user_id
"""

# Contacts and deals are looked up one by one: of few, or of what the planner takes for few, each would go through all.
LOOK_UP: Final = "SET LOCAL enable_seqscan = off"


@dataclass(frozen=True, slots=True)
class Measured:
    """`quantiles_s`: the median and the 90th percentile, None without any answer."""

    user_id: UUID
    answered: int
    quantiles_s: list[float] | None
    unanswered: int
    oldest_unanswered_at: datetime | None


async def measure(connection: Connection, scope: ActivityScope, window: Window) -> list[Measured]:
    """Measure by rep: the blocks that began in the window and were answered, and all that waits."""
    if scope.is_of_all:
        return await measure_kept(connection, scope, window)
    if scope.pipeline_id is None and not scope.caller.can(Permission.SEE_ALL) and not scope.sees_little:
        return await measure_visible(connection, scope, window)
    return await measure_seen(connection, scope, window)


async def measure_kept(connection: Connection, scope: ActivityScope, window: Window) -> list[Measured]:
    """Measure, for who sees all, what is kept."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    users = {
        "of_blocks": scope.of_users(where, "s.block_user_id"),
        "of_waiting": scope.of_users(where, "r.user_id"),
    }
    return await _fetch(connection, MEASURE_KEPT.format(**users), where)


async def measure_visible(connection: Connection, scope: ActivityScope, window: Window) -> list[Measured]:
    """Measure what is kept as far as the caller, whose people are many, sees it; look up the rest."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    viewer = where.number(scope.caller.user_id)
    statement = to_statement(
        users=scope.select_seen_users(viewer),
        viewer=viewer,
        has_shares=scope.caller.has_shares,
        of_blocks=scope.of_users(where, "b.user_id"),
        of_waiting=scope.of_users(where, "w.user_id"),
    )
    await connection.execute(LOOK_UP)
    return await _fetch(connection, statement, where)


async def measure_seen(connection: Connection, scope: ActivityScope, window: Window) -> list[Measured]:
    """Measure all e-mails that the caller sees."""
    where = Where(scope.caller.tenant_id, window.begin, window.end)
    emails = scope.select_seen(where, EMAIL, EVER)
    statement = EMAILS.format(emails=emails, **scope.seek(where)._asdict()) + MEASURE
    return await _fetch(connection, statement, where)


async def _fetch(connection: Connection, statement: str, where: Where) -> list[Measured]:
    return [Measured(**row) for row in await connection.fetch(statement, *where.parameters)]
