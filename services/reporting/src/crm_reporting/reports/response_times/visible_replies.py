"""SQL that takes kept replies as far as the caller sees them, and looks up what else answers the others.

The first reply of all is the first that the caller sees, if they see it; where there is none, they see none. So of
what one sees only a message whose kept reply is out of sight has another one looked up, or waits.
"""

from typing import Final, LiteralString

# IS TRUE keeps the planner from a join: the users are hashed once, not for each row that is looked up.
IS_OF_SEEN: Final = "({user} IN (SELECT u.id FROM seen_users u)) IS TRUE"
# Whether the caller sees `{a}`, an activity, by a contact or its deal. Each is looked up: what a large team owns is
# more than what a window has. OFFSET 0 keeps the planner from hashing all that is owned, and a deal's from an index by
# owner, of which it would read all.
SEES_ALONG: Final = """(EXISTS (
                SELECT
                  FROM contacts c
                 WHERE c.tenant_id = $1 AND c.id = ANY ({a}.contact_ids) AND {is_contact_of_seen}
                OFFSET 0)
                OR {a}.deal_id IS NOT NULL AND EXISTS (
                SELECT
                  FROM (SELECT d.owner_id, d.contact_id, d.is_deleted
                          FROM deal_facts d
                         WHERE d.tenant_id = $1 AND d.deal_id = {a}.deal_id
                        OFFSET 0) d
                 WHERE NOT d.is_deleted AND ({is_deal_of_seen}{or_deal_shared})
                OFFSET 0){or_contact_shared})"""
OR_SHARED: Final = """
                OR EXISTS (
                SELECT
                  FROM contact_shares h
                 WHERE h.tenant_id = $1 AND h.user_id = {viewer} AND h.contact_id = ANY ({contact_ids})
                OFFSET 0)"""
# Of a row of `received_emails`, where the user alone does not say.
SEES_EMAIL: Final = """EXISTS (
                SELECT FROM activity_facts a
                 WHERE a.tenant_id = $1 AND a.activity_id = {email_id} AND {sees_along}
                OFFSET 0)"""

# `astray`: what may have its reply out of sight by the users and by what is kept of contacts and deals; then what has.
MEASURE_VISIBLE: Final = """
    WITH seen_users AS MATERIALIZED ({users}), astray AS MATERIALIZED (
        SELECT r.email_id, r.reply_id
          FROM received_emails r
         WHERE r.tenant_id = $1 AND r.reply_id IS NOT NULL
           AND (r.user_id IS DISTINCT FROM r.reply_user_id OR NOT r.is_seen_alike)
           AND NOT {is_of_replier} AND ({is_of_user} OR NOT r.is_seen_alike)
    ), unanswered AS MATERIALIZED (
        SELECT m.*
          FROM astray r
         CROSS JOIN LATERAL (
               SELECT m.user_id, m.occurred_at, m.activity_id, m.thread_id, m.contact_ids, m.deal_id
                 FROM activity_facts m
                WHERE m.tenant_id = $1 AND m.activity_id = r.email_id
               OFFSET 0) m
         WHERE ({m_is_of_seen} OR {sees_m}) AND NOT {sees_reply}
    ), looked_up AS MATERIALIZED (
        SELECT m.activity_id AS email_id, m.user_id, m.occurred_at AS received_at,
               COALESCE(of_thread.activity_id, of_contact.email_id) AS reply_id
          FROM unanswered m
          LEFT JOIN LATERAL (
               SELECT s.activity_id
                 FROM activity_facts s
                WHERE s.tenant_id = $1 AND s.thread_id = m.thread_id AND s.direction = 'OUTBOUND'
                  AND s.type = 'EMAIL' AND s.counts
                  AND (s.occurred_at, s.activity_id) > (m.occurred_at, m.activity_id)
                  AND ({s_is_of_seen} OR {sees_s})
                ORDER BY s.occurred_at, s.activity_id
                LIMIT 1) of_thread ON true
          LEFT JOIN LATERAL (
               SELECT c.email_id
                 FROM unnest(m.contact_ids) AS k (contact_id)
                CROSS JOIN LATERAL (
                      SELECT e.email_id, e.occurred_at
                        FROM email_contacts e
                       CROSS JOIN LATERAL (
                             SELECT s.user_id, s.contact_ids, s.deal_id
                               FROM activity_facts s
                              WHERE s.tenant_id = $1 AND s.activity_id = e.email_id
                             OFFSET 0) s
                       WHERE e.tenant_id = $1 AND e.contact_id = k.contact_id AND NOT e.is_received
                         AND (e.occurred_at, e.email_id) > (m.occurred_at, m.activity_id)
                         AND e.occurred_at <= m.occurred_at + interval '168 hours'
                         AND ({s_is_of_seen} OR {sees_s})
                       ORDER BY e.occurred_at, e.email_id
                       LIMIT 1) c
                ORDER BY c.occurred_at, c.email_id
                LIMIT 1) of_contact ON of_thread.activity_id IS NULL
    ), answered AS (
        SELECT r.email_id, r.user_id, r.received_at, r.reply_id
          FROM received_emails r
         WHERE r.tenant_id = $1 AND r.reply_id IS NOT NULL AND r.received_at >= $2 AND r.received_at < $3
           AND ({is_of_user} OR {sees_email})
           AND ({is_of_replier} OR NOT {is_of_user} AND r.is_seen_alike OR {sees_reply})
         UNION ALL
        SELECT email_id, user_id, received_at, reply_id FROM looked_up WHERE reply_id IS NOT NULL
    ), begun AS (
        SELECT DISTINCT ON (a.reply_id) a.reply_id, a.user_id, a.received_at
          FROM answered a
         ORDER BY a.reply_id, a.received_at, a.email_id
    ), blocks AS MATERIALIZED (
        SELECT b.user_id, s.sent_at - b.received_at AS wait
          FROM begun b
         CROSS JOIN LATERAL (
               SELECT s.sent_at FROM sent_emails s WHERE s.tenant_id = $1 AND s.email_id = b.reply_id OFFSET 0) s
         WHERE b.received_at >= $2 AND b.received_at < $3 AND b.user_id IS NOT NULL AND {of_blocks}
           AND NOT EXISTS (
               SELECT FROM received_emails r
                WHERE r.tenant_id = $1 AND r.reply_id = b.reply_id AND r.received_at < $2
                  AND ({is_of_user} OR {sees_email})
               OFFSET 0)
    ), waiting AS (
        SELECT r.user_id, r.received_at
          FROM received_emails r
         WHERE r.tenant_id = $1 AND r.reply_id IS NULL AND ({is_of_user} OR {sees_email})
         UNION ALL
        SELECT user_id, received_at FROM looked_up WHERE reply_id IS NULL
    )
    SELECT user_id, COALESCE(b.answered, 0) AS answered, b.quantiles_s, COALESCE(w.unanswered, 0) AS unanswered,
           w.oldest_unanswered_at
      FROM (SELECT user_id, count(*) AS answered,
                   percentile_cont(ARRAY[0.5, 0.9])
                       WITHIN GROUP (ORDER BY extract(epoch FROM wait)::float8) AS quantiles_s
              FROM blocks
             GROUP BY user_id) b
      FULL JOIN (
            SELECT w.user_id, count(*) AS unanswered, min(w.received_at) AS oldest_unanswered_at
              FROM waiting w
             WHERE w.user_id IS NOT NULL AND {of_waiting}
             GROUP BY w.user_id) w USING (user_id)
     ORDER BY user_id
"""


def to_statement(*, users: str, viewer: str, has_shares: bool, of_blocks: str, of_waiting: str) -> str:
    """Return the statement; `users` is a query of those whose records the caller, as a parameter `viewer`, sees."""

    def is_of_seen(column: LiteralString) -> str:
        return IS_OF_SEEN.format(user=column)

    def or_shared(contact_ids: str) -> str:
        return OR_SHARED.format(viewer=viewer, contact_ids=contact_ids) if has_shares else ""

    def sees_along(alias: LiteralString) -> str:
        return SEES_ALONG.format(
            a=alias,
            is_contact_of_seen=is_of_seen("c.owner_id"),
            is_deal_of_seen=is_of_seen("d.owner_id"),
            or_contact_shared=or_shared(alias + ".contact_ids"),
            or_deal_shared=or_shared("ARRAY[d.contact_id]"),
        )

    return MEASURE_VISIBLE.format(
        users=users,
        is_of_user=is_of_seen("r.user_id"),
        is_of_replier=is_of_seen("r.reply_user_id"),
        m_is_of_seen=is_of_seen("m.user_id"),
        s_is_of_seen=is_of_seen("s.user_id"),
        sees_m=sees_along("m"),
        sees_s=sees_along("s"),
        sees_email=SEES_EMAIL.format(email_id="r.email_id", sees_along=sees_along("a")),
        sees_reply=SEES_EMAIL.format(email_id="r.reply_id", sees_along=sees_along("a")),
        of_blocks=of_blocks,
        of_waiting=of_waiting,
    )
