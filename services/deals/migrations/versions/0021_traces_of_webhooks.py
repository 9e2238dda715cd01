"""In which trace a delivery's event was written: an attempt, which comes later and elsewhere, goes on with it."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute("ALTER TABLE webhook_deliveries ADD COLUMN traceparent text")
