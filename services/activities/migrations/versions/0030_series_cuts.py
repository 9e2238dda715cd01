"""What a cut took of a series, told from what was deleted by itself: when it was cut, and what it closed."""

from alembic import op

revision = "0030"
down_revision = "0029"

# Constant defaults: no row is written anew.
CUTS = """
    ALTER TABLE activity_series
        ADD COLUMN cut_at timestamptz[] NOT NULL DEFAULT '{}',
        ADD COLUMN closed text[] NOT NULL DEFAULT '{}'
"""


def upgrade() -> None:
    op.execute(CUTS)
