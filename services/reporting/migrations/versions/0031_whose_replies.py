"""Columns for whose each reply is, and whether who sees a message sees it too; the next migration fills them."""

from alembic import op

revision = "0031"
down_revision = "0030"

# `is_seen_alike`: the reply has all contacts of the message and its deal, so whoever sees the message by one of these
# sees the reply. What isn't so, or is somebody else's, may have its reply out of sight. By itself, so that reports wait
# for no more than this.
COLUMNS = """
    ALTER TABLE received_emails
        ADD COLUMN reply_user_id uuid,
        ADD COLUMN is_seen_alike boolean NOT NULL DEFAULT false
"""


def upgrade() -> None:
    op.execute(COLUMNS)
