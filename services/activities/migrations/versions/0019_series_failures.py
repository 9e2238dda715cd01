"""How often in a row a series could not be made: it is tried again later each time."""

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute("ALTER TABLE activity_series ADD COLUMN failures integer NOT NULL DEFAULT 0")
