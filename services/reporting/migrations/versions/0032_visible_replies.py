"""Whose each reply is: a large team's response times take what is kept as far as they see it."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0032"
down_revision = "0031"

# Facts can't be written meanwhile: whoever writes them links their e-mails. Reports go on.
FILL = """
    CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON received_emails TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
    SET LOCAL enable_nestloop = off;
    UPDATE received_emails e
       SET reply_user_id = r.user_id,
           is_seen_alike = r.contact_ids @> m.contact_ids
                           AND (m.deal_id IS NULL OR m.deal_id IS NOT DISTINCT FROM r.deal_id)
      FROM activity_facts m, activity_facts r
     WHERE (m.tenant_id, m.activity_id) = (e.tenant_id, e.email_id)
       AND (r.tenant_id, r.activity_id) = (e.tenant_id, e.reply_id);
    DROP POLICY owner_repairs ON received_emails;
    DROP POLICY owner_repairs ON activity_facts;
"""
# Messages by when they came; and those whose reply may be out of sight of who sees the message.
INDEXES = {
    "received_emails_answered": "received_emails (tenant_id, received_at) WHERE reply_id IS NOT NULL",
    "received_emails_astray": """
        received_emails (tenant_id, user_id, reply_user_id) INCLUDE (is_seen_alike, email_id, reply_id)
         WHERE reply_id IS NOT NULL AND (user_id IS DISTINCT FROM reply_user_id OR NOT is_seen_alike)
    """,
}


def upgrade() -> None:
    """Build the indexes while others write, then fill. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
    op.execute(FILL)
