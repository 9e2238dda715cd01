"""Deals' names, for lists of the deals behind a figure."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Of rows written before, the name is null until their deals are told of again: a snapshot fills it in.
NAMES = "ALTER TABLE deal_facts ADD COLUMN IF NOT EXISTS name text"


def upgrade() -> None:
    op.execute(NAMES)
