"""SQL that keeps what answers each e-mail, in the transactions that write activities' facts.

A batch's e-mails are linked to all that there are, so two batches of a tenant must not do it at once: each would miss
the other's. What an e-mail that changed or went answered before is known by its id; what it may answer now is looked
up, by thread, contact and message id. So a batch costs what its e-mails and their conversations are, whatever comes
late.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction

# The schema is in the name, so that a rebuild's copy holds up no worker.
HOLD: Final = """
    SELECT pg_advisory_xact_lock(k.key)
      FROM (SELECT DISTINCT hashtextextended(current_schema() || ' emails ' || t.tenant_id::text, 0) AS key
              FROM unnest($1::uuid[]) AS t (tenant_id)
             ORDER BY 1) k
"""
# Each e-mail is looked up by itself, whatever the planner believes: of tables that have just grown it knows nothing,
# and would go through them for a batch. OFFSET 0 keeps a look-up what it is; one by an id asks for no more than the key
# does, so that no index of e-mails by time is taken for it.
LOOK_UP: Final = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_sort = off"  # what comes first comes by the index in that order, not by all of a contact's
)
AS_PLANNED: Final = (
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
    " SET LOCAL enable_sort = on"
)
NAMED: Final = """
    WITH named AS MATERIALIZED (
        SELECT n.tenant_id, n.email_id, a.occurred_at, a.direction, a.thread_id, a.contact_ids, a.in_reply_to,
               a.reference_keys
          FROM (SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[])) AS n (tenant_id, email_id)
          LEFT JOIN LATERAL (
               SELECT *
                 FROM activity_facts a
                WHERE a.tenant_id = n.tenant_id AND a.activity_id = n.email_id
               OFFSET 0) a ON a.type = 'EMAIL' AND a.counts AND a.direction IS NOT NULL
    )"""

# What was exchanged with an e-mail's contacts before it, and first after it with contacts `k`: within 168 hours, as 7
# days would be an hour more or less where clocks change.
EARLIER: Final = """SELECT n.tenant_id, c.email_id
          FROM named n
         CROSS JOIN LATERAL unnest(n.contact_ids) AS k (contact_id)
         CROSS JOIN LATERAL (
               SELECT c.email_id
                 FROM email_contacts c
                WHERE c.tenant_id = n.tenant_id AND c.contact_id = k.contact_id AND {kind}
                  AND c.occurred_at BETWEEN n.occurred_at - interval '168 hours' AND n.occurred_at
               OFFSET 0) c
         WHERE n.direction = '{direction}'"""
NEXT: Final = """CROSS JOIN LATERAL (
               SELECT e.email_id, e.occurred_at
                 FROM email_contacts e
                WHERE e.tenant_id = {of}.tenant_id AND e.contact_id = k.contact_id AND {kind}
                  AND (e.occurred_at, e.email_id) > ({of}.occurred_at, {of}.activity_id)
                  AND e.occurred_at <= {of}.occurred_at + interval '168 hours'
                ORDER BY e.occurred_at, e.email_id
                LIMIT 1) c"""

# With whom each e-mail was exchanged, by time.
SAVE_CONTACTS: Final = (
    NAMED  # noqa: S608 - texts of ours
    + """, exchanged AS MATERIALIZED (
        SELECT n.tenant_id, n.email_id, k.contact_id, n.direction = 'INBOUND' AS is_received, n.occurred_at
          FROM named n
         CROSS JOIN LATERAL (SELECT DISTINCT unnest(n.contact_ids) AS contact_id) k
         WHERE n.direction IS NOT NULL
    ), gone AS MATERIALIZED (
        SELECT k.tenant_id, k.email_id, k.contact_id
          FROM named n
         CROSS JOIN LATERAL (
               SELECT * FROM email_contacts k WHERE k.tenant_id = n.tenant_id AND k.email_id = n.email_id OFFSET 0) k
         WHERE (k.tenant_id, k.email_id, k.contact_id)
               NOT IN (SELECT e.tenant_id, e.email_id, e.contact_id FROM exchanged e)
    ), removed AS (
        DELETE FROM email_contacts c
         USING gone g
         WHERE (c.tenant_id, c.email_id, c.contact_id) = (g.tenant_id, g.email_id, g.contact_id)
    )
    INSERT INTO email_contacts AS c (tenant_id, email_id, contact_id, is_received, occurred_at)
    SELECT * FROM exchanged
    ON CONFLICT (tenant_id, email_id, contact_id) DO UPDATE
       SET is_received = excluded.is_received, occurred_at = excluded.occurred_at
     WHERE (c.is_received, c.occurred_at) <> (excluded.is_received, excluded.occurred_at)
"""
)

# Of a message `m` and its reply `r`: who sees the one by a contact or its deal sees the other.
IS_SEEN_ALIKE: Final = (
    "COALESCE(r.contact_ids @> m.contact_ids AND (m.deal_id IS NULL OR m.deal_id = r.deal_id), false)"
)
# Whose reply may be another now: what was received itself, what one of these e-mails was the reply to, and what lies
# before a sent one: in its thread as far back as the one that was sent before it, and with its contacts.
SAVE_RECEIVED: Final = (
    NAMED  # noqa: S608 - texts of ours
    + """, touched AS MATERIALIZED (
        SELECT n.tenant_id, n.email_id FROM named n
         UNION
        SELECT r.tenant_id, r.email_id
          FROM named n
         CROSS JOIN LATERAL (
               SELECT * FROM received_emails r WHERE r.tenant_id = n.tenant_id AND r.reply_id = n.email_id OFFSET 0) r
         UNION
        SELECT n.tenant_id, m.activity_id
          FROM named n
          LEFT JOIN LATERAL (
               SELECT s.occurred_at, s.activity_id
                 FROM activity_facts s
                WHERE s.tenant_id = n.tenant_id AND s.thread_id = n.thread_id AND s.direction = 'OUTBOUND'
                  AND s.type = 'EMAIL' AND s.counts AND (s.occurred_at, s.activity_id) < (n.occurred_at, n.email_id)
                ORDER BY s.occurred_at DESC, s.activity_id DESC
                LIMIT 1) former ON true
         CROSS JOIN LATERAL (
               SELECT a.activity_id
                 FROM activity_facts a
                WHERE a.tenant_id = n.tenant_id AND a.thread_id = n.thread_id AND a.direction = 'INBOUND'
                  AND a.type = 'EMAIL' AND a.counts
                  AND a.occurred_at BETWEEN COALESCE(former.occurred_at, '-infinity') AND n.occurred_at
               OFFSET 0) m
         WHERE n.direction = 'OUTBOUND'
         UNION
        """
    + EARLIER.format(kind="c.is_received", direction="OUTBOUND")
    + """
    ), found AS MATERIALIZED (
        SELECT m.tenant_id, m.activity_id AS email_id, m.user_id, m.occurred_at, r.activity_id AS reply_id,
               r.user_id AS reply_user_id,
               """
    + IS_SEEN_ALIKE
    + """
                   AS is_seen_alike
          FROM touched t
         CROSS JOIN LATERAL (
               SELECT *
                 FROM activity_facts m
                WHERE m.tenant_id = t.tenant_id AND m.activity_id = t.email_id
               OFFSET 0) m
          LEFT JOIN LATERAL (
               SELECT s.activity_id
                 FROM activity_facts s
                WHERE s.tenant_id = m.tenant_id AND s.thread_id = m.thread_id AND s.direction = 'OUTBOUND'
                  AND s.type = 'EMAIL' AND s.counts
                  AND (s.occurred_at, s.activity_id) > (m.occurred_at, m.activity_id)
                ORDER BY s.occurred_at, s.activity_id
                LIMIT 1) of_thread ON true
          LEFT JOIN LATERAL (
               SELECT c.email_id
                 FROM unnest(m.contact_ids) AS k (contact_id)
                """
    + NEXT.format(of="m", kind="NOT e.is_received")
    + """
                ORDER BY c.occurred_at, c.email_id
                LIMIT 1) of_contact ON of_thread.activity_id IS NULL
          LEFT JOIN LATERAL (
               SELECT r.activity_id, r.user_id, r.contact_ids, r.deal_id
                 FROM activity_facts r
                WHERE r.tenant_id = m.tenant_id
                  AND r.activity_id = COALESCE(of_thread.activity_id, of_contact.email_id)
               OFFSET 0) r ON true
         WHERE m.type = 'EMAIL' AND m.direction = 'INBOUND' AND m.counts
    ), removed AS (
        DELETE FROM received_emails r
         USING named n
         WHERE r.tenant_id = n.tenant_id AND r.email_id = n.email_id
           AND (r.tenant_id, r.email_id) NOT IN (SELECT f.tenant_id, f.email_id FROM found f)
        RETURNING r.tenant_id, r.reply_id
    ), written AS (
        INSERT INTO received_emails AS r (tenant_id, email_id, user_id, received_at, reply_id, reply_user_id,
                                          is_seen_alike)
        SELECT * FROM found
        ON CONFLICT (tenant_id, email_id) DO UPDATE
           SET user_id = excluded.user_id, received_at = excluded.received_at, reply_id = excluded.reply_id,
               reply_user_id = excluded.reply_user_id, is_seen_alike = excluded.is_seen_alike
         WHERE (r.user_id, r.received_at, r.reply_id, r.reply_user_id, r.is_seen_alike)
               IS DISTINCT FROM (excluded.user_id, excluded.received_at, excluded.reply_id, excluded.reply_user_id,
                                 excluded.is_seen_alike)
        RETURNING r.tenant_id, old.reply_id AS former_id, new.reply_id AS reply_id
    )
    SELECT tenant_id, reply_id FROM removed WHERE reply_id IS NOT NULL
     UNION
    SELECT tenant_id, former_id FROM written WHERE former_id IS NOT NULL
     UNION
    SELECT tenant_id, reply_id FROM written WHERE reply_id IS NOT NULL
"""
)

# Whose answer may be another now, or the first message that they replied to ($3 on: replies of messages that changed).
SAVE_SENT: Final = (
    NAMED  # noqa: S608 - texts of ours
    + """, touched AS MATERIALIZED (
        SELECT n.tenant_id, n.email_id FROM named n
         UNION
        SELECT * FROM unnest($3::uuid[], $4::uuid[])
         UNION
        SELECT s.tenant_id, s.email_id
          FROM named n
         CROSS JOIN LATERAL (
               SELECT * FROM sent_emails s WHERE s.tenant_id = n.tenant_id AND s.answer_id = n.email_id OFFSET 0) s
         UNION
        SELECT n.tenant_id, n.in_reply_to FROM named n WHERE n.direction = 'INBOUND' AND n.in_reply_to IS NOT NULL
         UNION
        SELECT n.tenant_id, a.activity_id
          FROM named n
         CROSS JOIN LATERAL unnest(n.reference_keys) AS k (key)
         CROSS JOIN LATERAL (
               SELECT a.activity_id
                 FROM activity_facts a
                WHERE a.tenant_id = n.tenant_id AND a.message_key = k.key
               OFFSET 0) a
         WHERE n.direction = 'INBOUND'
         UNION
        """
    + EARLIER.format(kind="NOT c.is_received", direction="INBOUND")
    + """
    ), found AS MATERIALIZED (
        SELECT s.tenant_id, s.activity_id AS email_id, s.user_id, s.occurred_at, answer.email_id AS answer_id,
               answer.occurred_at AS answered_at, block.user_id AS block_user_id, block.received_at AS block_began_at
          FROM touched t
         CROSS JOIN LATERAL (
               SELECT *
                 FROM activity_facts s
                WHERE s.tenant_id = t.tenant_id AND s.activity_id = t.email_id
               OFFSET 0) s
          LEFT JOIN LATERAL (
               SELECT a.email_id, a.occurred_at
                 FROM (SELECT c.email_id, c.occurred_at
                         FROM unnest(s.contact_ids) AS k (contact_id)
                        """
    + NEXT.format(of="s", kind="e.is_received")
    + """
                       UNION ALL
                       (SELECT r.activity_id, r.occurred_at
                          FROM activity_facts r
                         WHERE r.tenant_id = s.tenant_id AND r.in_reply_to = s.activity_id AND r.type = 'EMAIL'
                           AND r.direction = 'INBOUND' AND r.counts AND r.occurred_at >= s.occurred_at
                         ORDER BY r.occurred_at, r.activity_id
                         LIMIT 1)
                       UNION ALL
                       (SELECT r.activity_id, r.occurred_at
                          FROM (SELECT *
                                  FROM activity_facts f
                                 WHERE f.reference_keys @> ARRAY[s.message_key] AND s.message_key IS NOT NULL
                                OFFSET 0) r
                         WHERE r.tenant_id = s.tenant_id AND r.type = 'EMAIL' AND r.direction = 'INBOUND' AND r.counts
                           AND r.occurred_at >= s.occurred_at
                         ORDER BY r.occurred_at, r.activity_id
                         LIMIT 1)) a
                ORDER BY a.occurred_at, a.email_id
                LIMIT 1) answer ON true
          LEFT JOIN LATERAL (
               SELECT m.user_id, m.received_at
                 FROM received_emails m
                WHERE m.tenant_id = s.tenant_id AND m.reply_id = s.activity_id
                ORDER BY m.received_at, m.email_id
                LIMIT 1) block ON true
         WHERE s.type = 'EMAIL' AND s.direction = 'OUTBOUND' AND s.counts
    ), removed AS (
        DELETE FROM sent_emails s
         USING named n
         WHERE s.tenant_id = n.tenant_id AND s.email_id = n.email_id
           AND (s.tenant_id, s.email_id) NOT IN (SELECT f.tenant_id, f.email_id FROM found f)
    )
    INSERT INTO sent_emails AS s (tenant_id, email_id, user_id, sent_at, answer_id, answered_at, block_user_id,
                                  block_began_at)
    SELECT * FROM found
    ON CONFLICT (tenant_id, email_id) DO UPDATE
       SET user_id = excluded.user_id, sent_at = excluded.sent_at, answer_id = excluded.answer_id,
           answered_at = excluded.answered_at, block_user_id = excluded.block_user_id,
           block_began_at = excluded.block_began_at
     WHERE (s.user_id, s.sent_at, s.answer_id, s.answered_at, s.block_user_id, s.block_began_at)
           IS DISTINCT FROM (excluded.user_id, excluded.sent_at, excluded.answer_id, excluded.answered_at,
                             excluded.block_user_id, excluded.block_began_at)
"""
)


async def link_emails(transaction: Transaction, activities: Sequence[tuple[UUID, UUID]]) -> None:
    """Find anew what answers these activities, as far as they are e-mails, and what they answer.

    `activities`, as (tenant, id), have their facts written. To come late in a transaction: batches of a tenant that run
    at once wait for each other here.
    """
    if not activities:
        return
    named = to_columns(activities, width=2)
    await transaction.execute(HOLD, named[0])
    await transaction.execute(LOOK_UP)
    await transaction.execute(SAVE_CONTACTS, *named)
    replies = [tuple(row) for row in await transaction.fetch(SAVE_RECEIVED, *named)]
    await transaction.execute(SAVE_SENT, *named, *to_columns(replies, width=2))
    await transaction.execute(AS_PLANNED)
