"""The index of sent e-mails by time: one e-mail was sought in it where a tenant is new to the statistics."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0033"
down_revision = "0032"

# Of the e-mails that somebody sent, as reports count them. A look-up by id says nothing of that, so it can't take this
# index: PostgreSQL did, for a tenant that it took for empty, and read all of its e-mails for each.
BY_TIME = "sent_emails (tenant_id, sent_at) INCLUDE (user_id, answered_at) WHERE user_id IS NOT NULL"


def upgrade() -> None:
    """Build it while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("sent_emails_by_time", BY_TIME):
            op.execute(statement)
