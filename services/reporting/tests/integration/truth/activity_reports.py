"""Activity metrics and response times, recomputed from docs/reports.md."""

from typing import Final

# What the viewer sees, by its user, one of its contacts or its deal; without what is deleted.
HEARD: Final = """
    CREATE VIEW heard AS
    SELECT a.*
      FROM activities a
     WHERE a.deleted_at IS NULL
       AND (asked('sees_all')
            OR a.user_id IN (SELECT owner_id FROM sight WHERE viewer_id = asked('viewer_id'))
            OR a.deal_id IN (SELECT id FROM visible WHERE deleted_at IS NULL)
            OR a.id IN (SELECT m.id
                          FROM (SELECT id, unnest(contact_ids) AS contact_id FROM activities) m
                          JOIN contacts c ON c.id = m.contact_id
                         WHERE c.owner_id IN (SELECT owner_id FROM sight WHERE viewer_id = asked('viewer_id'))
                            OR c.id IN (SELECT contact_id FROM shares WHERE user_id = asked('viewer_id'))))
"""
IS_COUNTED: Final = """
    CREATE MACRO is_counted(of_user, of_deal) AS
        of_user IS NOT NULL AND is_asked_owner(of_user)
        AND (asked('pipeline_id') IS NULL
             OR coalesce(of_deal IN (SELECT id FROM deals
                                      WHERE pipeline_id = asked('pipeline_id') AND deleted_at IS NULL), false))
"""
MAILS: Final = "CREATE VIEW mails AS SELECT * FROM heard WHERE type = 'EMAIL' AND NOT is_automatic"

DAYS: Final = """
    SELECT strftime(day, '%Y-%m-%d') AS date, user_id,
           count(*) FILTER (type = 'CALL') AS calls, count(*) FILTER (type = 'EMAIL') AS emails,
           count(*) FILTER (type = 'MEETING') AS meetings, count(*) FILTER (type = 'NOTE') AS notes,
           count(*) FILTER (type = 'TASK') AS tasks_done
      FROM (SELECT *, day_of(CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END) AS day
              FROM heard
             WHERE is_counted(user_id, deal_id) AND NOT is_automatic AND NOT system)
     WHERE in_window(day)
     GROUP BY day, user_id
     ORDER BY day, user_id
"""

# The earliest of what names it, however late, and of what comes from its contacts within 168 hours.
ANSWERS: Final = """
    CREATE VIEW answers AS
    SELECT o.id, o.user_id, min(date_diff('microsecond', o.occurred_at, i.occurred_at)) / 1e6 AS after_s
      FROM mails o
      LEFT JOIN mails i
        ON i.direction = 'INBOUND' AND i.occurred_at > o.occurred_at
       AND (i.in_reply_to = o.id OR list_contains(i.reference_ids, o.message_id)
            OR list_has_any(i.contact_ids, o.contact_ids) AND i.occurred_at <= o.occurred_at + INTERVAL 168 HOUR)
     WHERE o.direction = 'OUTBOUND' AND is_counted(o.user_id, o.deal_id) AND in_window(day_of(o.occurred_at))
     GROUP BY o.id, o.user_id
"""
RESPONSES: Final = """
    SELECT user_id, count(*) AS emails_sent, count(after_s) AS responses,
           count(after_s) / count(*) AS email_response_rate, median(after_s) AS median_response_s
      FROM answers
     GROUP BY user_id
     ORDER BY user_id
"""

# The thread's next outbound e-mail, else the next one to any of its contacts within 168 hours.
REPLIES: Final = """
    CREATE VIEW replies AS
    SELECT m.id, m.user_id, m.deal_id, m.occurred_at,
           coalesce(min({sent_at: o.occurred_at, id: o.id}) FILTER (o.thread_id = m.thread_id),
                    min({sent_at: o.occurred_at, id: o.id}) FILTER (o.id IS NOT NULL)) AS reply
      FROM mails m
      LEFT JOIN mails o
        ON o.direction = 'OUTBOUND' AND (o.occurred_at > m.occurred_at OR o.occurred_at = m.occurred_at AND o.id > m.id)
       AND (o.thread_id = m.thread_id
            OR list_has_any(o.contact_ids, m.contact_ids) AND o.occurred_at <= m.occurred_at + INTERVAL 168 HOUR)
     WHERE m.direction = 'INBOUND'
     GROUP BY m.id, m.user_id, m.deal_id, m.occurred_at
"""
# From its first message on, and for whom that one was written to; what was written to nobody is nobody's.
BLOCKS: Final = """
    CREATE VIEW blocks AS
    SELECT user_id, deal_id, occurred_at, date_diff('microsecond', occurred_at, reply.sent_at) / 1e6 AS waited_s
      FROM replies
     WHERE reply IS NOT NULL
   QUALIFY row_number() OVER (PARTITION BY reply.id ORDER BY occurred_at, id) = 1
"""
RESPONSE_TIMES: Final = """
    SELECT coalesce(a.user_id, u.user_id) AS user_id, coalesce(a.answered, 0) AS answered, a.median_s, a.p90_s,
           coalesce(u.unanswered, 0) AS unanswered, u.oldest AS oldest_unanswered_at
      FROM (SELECT user_id, count(*) AS answered, median(waited_s) AS median_s,
                   quantile_cont(waited_s, 0.9) AS p90_s
              FROM blocks
             WHERE is_counted(user_id, deal_id) AND in_window(day_of(occurred_at))
             GROUP BY user_id) a
      FULL JOIN (SELECT user_id, count(*) AS unanswered, epoch_us(min(occurred_at)) AS oldest
                   FROM replies
                  WHERE reply IS NULL AND is_counted(user_id, deal_id)
                  GROUP BY user_id) u ON u.user_id = a.user_id
     ORDER BY 1
"""

VIEWS: Final = (HEARD, IS_COUNTED, MAILS, ANSWERS, REPLIES, BLOCKS)
