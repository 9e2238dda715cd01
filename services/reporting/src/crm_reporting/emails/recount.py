"""What answers each e-mail, made of all facts at once: what `recount` writes and `verify` compares with.

E-mails are ranked by time; a running minimum over each thread's and each contact's stream, read backwards, finds the
next one. Nothing is looked up e-mail by e-mail, as the projection does: two ways to one answer hold each other.
"""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_reporting.emails.store import IS_SEEN_ALIKE
from crm_shared.database import Transaction

EXCHANGED: Final = """
    SELECT a.tenant_id, a.activity_id AS email_id, k.contact_id, a.direction = 'INBOUND' AS is_received, a.occurred_at
      FROM activity_facts a
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(a.contact_ids) AS contact_id) k
     WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts AND ($1::uuid IS NULL OR a.tenant_id = $1)"""
# E-mails come sorted by tenant: if equal tenants joined them, all of a tenant might be merged with all.
LINKED: Final = (
    """
    emails AS MATERIALIZED (
        SELECT a.tenant_id, a.activity_id, a.user_id, a.occurred_at, a.thread_id, a.contact_ids, a.deal_id,
               a.in_reply_to, a.message_key, a.reference_keys, a.direction = 'OUTBOUND' AS is_ours,
               row_number() OVER (ORDER BY a.tenant_id, a.occurred_at, a.activity_id) AS place
          FROM activity_facts a
         WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts AND ($1::uuid IS NULL OR a.tenant_id = $1)
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
        SELECT e.tenant_id, e.activity_id, e.user_id, e.occurred_at, e.contact_ids, e.deal_id, e.place,
               COALESCE(t.next_sent, c.next) AS reply
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
               r.activity_id AS reply_id, r.user_id AS reply_user_id,
               """  # noqa: S608 - texts of ours
    + IS_SEEN_ALIKE
    + """
                   AS is_seen_alike
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
)
COLUMNS: Final[Mapping[LiteralString, LiteralString]] = {
    "email_contacts": "tenant_id, email_id, contact_id, is_received, occurred_at",
    "received_emails": "tenant_id, email_id, user_id, received_at, reply_id, reply_user_id, is_seen_alike",
    "sent_emails": "tenant_id, email_id, user_id, sent_at, answer_id, answered_at, block_user_id, block_began_at",
}
RECOMPUTED: Final[Mapping[LiteralString, LiteralString]] = {
    "email_contacts": EXCHANGED,
    "received_emails": "WITH " + LINKED + " SELECT * FROM found_received",  # noqa: S608 - texts of ours
    "sent_emails": "WITH " + LINKED + " SELECT * FROM found_sent",  # noqa: S608 - texts of ours
}
"""By table, what the facts say: of the tenant $1, or of all where it is null."""
REMAKE: Final = tuple(
    statement
    for table, columns in COLUMNS.items()
    for statement in (
        f"DELETE FROM {table} WHERE $1::uuid IS NULL OR tenant_id = $1",  # noqa: S608 - texts of ours
        f"INSERT INTO {table} ({columns}) {RECOMPUTED[table]}",
    )
)
# Each row is found by a hash: without statistics each would be held against each.
READ_WHOLE: Final = "SET LOCAL enable_nestloop = off"


def compare(table: LiteralString) -> str:
    """Return a statement that counts, by tenant, the table's rows that are not what the facts say."""
    kept = f"SELECT {COLUMNS[table]} FROM {table} WHERE $1::uuid IS NULL OR tenant_id = $1"  # noqa: S608 - texts of ours
    return f"""
        WITH recomputed AS ({RECOMPUTED[table]}), kept AS ({kept})
        SELECT tenant_id, '{table}' AS table, count(DISTINCT email_id) AS row_count
          FROM ((TABLE recomputed EXCEPT ALL TABLE kept)
                 UNION ALL
                (TABLE kept EXCEPT ALL TABLE recomputed)) AS different
         GROUP BY tenant_id"""  # noqa: S608 - texts of ours


async def relink_emails(transaction: Transaction) -> None:
    """Make all rows anew from the facts, over all tenants; whoever writes facts must wait meanwhile."""
    await transaction.execute(READ_WHOLE)
    for statement in REMAKE:
        await transaction.execute(statement, None)
