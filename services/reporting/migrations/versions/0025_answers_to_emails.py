"""What answers each e-mail, found when it is projected: response times read no e-mail but those of the window."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild
from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0025"
down_revision = "0024"

# By what the projection finds what an e-mail may answer, and what may answer it. Built while others write.
LOOKUPS = {
    "activity_facts_thread": """
        activity_facts (tenant_id, thread_id, direction, occurred_at, activity_id) WHERE counts AND type = 'EMAIL'
    """,
    "activity_facts_named": """
        activity_facts (tenant_id, in_reply_to, occurred_at, activity_id)
         WHERE counts AND type = 'EMAIL' AND direction = 'INBOUND' AND in_reply_to IS NOT NULL
    """,
    "activity_facts_message": "activity_facts (tenant_id, message_key) WHERE message_key IS NOT NULL",
    "activity_facts_references": """
        activity_facts USING gin (reference_keys) WHERE counts AND type = 'EMAIL' AND direction = 'INBOUND'
    """,
}
# A row for each e-mail that counts. What answers it is the first that does, of all there are; a block is what one reply
# answered, from its first message on.
EMAILS = """
    CREATE TABLE email_contacts (
        tenant_id   uuid NOT NULL,
        email_id    uuid NOT NULL,
        contact_id  uuid NOT NULL,
        is_received boolean NOT NULL,
        occurred_at timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, email_id, contact_id)
    );
    CREATE INDEX email_contacts_stream ON email_contacts (tenant_id, contact_id, is_received, occurred_at, email_id);

    CREATE TABLE received_emails (
        tenant_id   uuid NOT NULL,
        email_id    uuid NOT NULL,
        user_id     uuid,
        received_at timestamptz NOT NULL,
        reply_id    uuid,
        PRIMARY KEY (tenant_id, email_id)
    ) WITH (fillfactor = 85);
    CREATE INDEX received_emails_by_reply ON received_emails (tenant_id, reply_id, received_at, email_id)
     WHERE reply_id IS NOT NULL;
    CREATE INDEX received_emails_waiting ON received_emails (tenant_id, user_id, received_at) WHERE reply_id IS NULL;

    CREATE TABLE sent_emails (
        tenant_id      uuid NOT NULL,
        email_id       uuid NOT NULL,
        user_id        uuid,
        sent_at        timestamptz NOT NULL,
        answer_id      uuid,
        answered_at    timestamptz,
        block_user_id  uuid,
        block_began_at timestamptz,
        PRIMARY KEY (tenant_id, email_id)
    ) WITH (fillfactor = 85);
    CREATE INDEX sent_emails_by_answer ON sent_emails (tenant_id, answer_id) WHERE answer_id IS NOT NULL;
    CREATE INDEX sent_emails_by_time ON sent_emails (tenant_id, sent_at) INCLUDE (user_id, answered_at);
    CREATE INDEX sent_emails_by_block ON sent_emails (tenant_id, block_began_at) INCLUDE (block_user_id, sent_at)
     WHERE block_began_at IS NOT NULL;
"""
TABLES = {
    "email_contacts": ("occurred_at",),
    "received_emails": ("received_at",),
    "sent_emails": ("sent_at", "answered_at", "block_began_at"),
}
# E-mails are ranked by time; a running minimum over each thread's and each contact's stream, read backwards, finds the
# next one.
LINKED = """
    emails AS MATERIALIZED (
        SELECT a.tenant_id, a.activity_id, a.user_id, a.occurred_at, a.thread_id, a.contact_ids, a.in_reply_to,
               a.message_key, a.reference_keys, a.direction = 'OUTBOUND' AS is_ours,
               row_number() OVER (ORDER BY a.tenant_id, a.occurred_at, a.activity_id) AS place
          FROM activity_facts a
         WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts
    ), threads AS (
        SELECT e.place, e.is_ours,
               min(e.place) FILTER (WHERE e.is_ours)
                   OVER (PARTITION BY e.tenant_id, e.thread_id ORDER BY e.place DESC) AS next_sent
          FROM emails e
    ), streams AS (
        SELECT s.place, s.is_ours,
               min(s.place) FILTER (WHERE s.is_ours) OVER behind AS next_sent,
               min(s.place) FILTER (WHERE NOT s.is_ours) OVER behind AS next_received
          FROM (SELECT e.tenant_id, e.place, e.is_ours, unnest(e.contact_ids) AS contact_id FROM emails e) s
        WINDOW behind AS (PARTITION BY s.tenant_id, s.contact_id ORDER BY s.place DESC)
    ), by_contact AS MATERIALIZED (
        SELECT e.place, min(n.place) AS next
          FROM (SELECT s.place, min(CASE WHEN s.is_ours THEN s.next_received ELSE s.next_sent END) AS next
                  FROM streams s
                 GROUP BY s.place) f
          JOIN emails e ON e.place = f.place
          JOIN emails n ON n.place = f.next AND n.occurred_at <= e.occurred_at + interval '168 hours'
         GROUP BY e.place
    ), replies AS MATERIALIZED (
        SELECT e.tenant_id, e.activity_id, e.user_id, e.occurred_at, e.place, COALESCE(t.next_sent, c.next) AS reply
          FROM emails e
          JOIN threads t ON t.place = e.place
          LEFT JOIN by_contact c ON c.place = e.place
         WHERE NOT e.is_ours
    ), named AS (
        SELECT s.place, r.place AS answer
          FROM emails s
          JOIN emails r ON r.in_reply_to = s.activity_id AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id
                       AND NOT r.is_ours AND r.occurred_at >= s.occurred_at
         WHERE s.is_ours
         UNION ALL
        SELECT s.place, r.place
          FROM emails s
          JOIN (SELECT e.tenant_id, e.place, e.occurred_at, unnest(e.reference_keys) AS key
                  FROM emails e
                 WHERE NOT e.is_ours) r
            ON r.key = s.message_key AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id AND r.occurred_at >= s.occurred_at
         WHERE s.is_ours
         UNION ALL
        SELECT c.place, c.next FROM by_contact c JOIN emails s ON s.place = c.place AND s.is_ours
    ), answers AS (
        SELECT place, min(answer) AS answer FROM named GROUP BY place
    ), blocks AS (
        SELECT reply, min(place) AS place FROM replies WHERE reply IS NOT NULL GROUP BY reply
    ), found_received AS MATERIALIZED (
        SELECT m.tenant_id, m.activity_id AS email_id, m.user_id, m.occurred_at AS received_at,
               r.activity_id AS reply_id
          FROM replies m
          LEFT JOIN emails r ON r.place = m.reply
    ), found_sent AS MATERIALIZED (
        SELECT s.tenant_id, s.activity_id AS email_id, s.user_id, s.occurred_at AS sent_at,
               r.activity_id AS answer_id, r.occurred_at AS answered_at, m.user_id AS block_user_id,
               m.occurred_at AS block_began_at
          FROM emails s
          LEFT JOIN answers a ON a.place = s.place
          LEFT JOIN emails r ON r.place = a.answer
          LEFT JOIN blocks b ON b.reply = s.place
          LEFT JOIN emails m ON m.place = b.place
         WHERE s.is_ours
    )"""
# Facts can't be written meanwhile: whoever writes them links their e-mails.
FILL = """
    CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON email_contacts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON received_emails TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON sent_emails TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
    SET LOCAL enable_nestloop = off;
    INSERT INTO email_contacts (tenant_id, email_id, contact_id, is_received, occurred_at)
    SELECT a.tenant_id, a.activity_id, k.contact_id, a.direction = 'INBOUND', a.occurred_at
      FROM activity_facts a
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(a.contact_ids) AS contact_id) k
     WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts;
    INSERT INTO received_emails (tenant_id, email_id, user_id, received_at, reply_id)
    WITH {linked}
    SELECT * FROM found_received;
    INSERT INTO sent_emails (tenant_id, email_id, user_id, sent_at, answer_id, answered_at, block_user_id,
                             block_began_at)
    WITH {linked}
    SELECT * FROM found_sent;
    DROP POLICY owner_repairs ON sent_emails;
    DROP POLICY owner_repairs ON received_emails;
    DROP POLICY owner_repairs ON email_contacts;
    DROP POLICY owner_repairs ON activity_facts;
"""


def upgrade() -> None:
    """Build the indexes while others write, then the rest. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in LOOKUPS.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
    op.execute(EMAILS)
    for table, moments in TABLES.items():
        op.execute(range_check(table, moments))
        op.execute(protect(table, service="reporting"))
    op.execute(FILL.format(linked=LINKED))
