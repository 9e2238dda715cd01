"""Stages that change while deals move."""

from alembic import op

revision = "0007"
down_revision = "0006"

# The pipeline's own flag, on the row that a move into the stage locks: what it waits for it then sees.
STAGES = """
    ALTER TABLE stages ADD COLUMN archived boolean NOT NULL DEFAULT false;
"""


def upgrade() -> None:
    op.execute(STAGES)
