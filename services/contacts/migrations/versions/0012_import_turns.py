"""Imports take turns, and say what they wait for."""

from alembic import op

from crm_shared.database.time_range_checks import build_range_checks

revision = "0012"
down_revision = "0011"

MOMENTS = ("created_at", "updated_at", "started_at", "finished_at", "turned_at")


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN IF NOT EXISTS waits_for text")
    op.execute("ALTER TABLE imports ADD COLUMN IF NOT EXISTS turned_at timestamptz")
    op.execute("ALTER TABLE imports DROP CONSTRAINT IF EXISTS imports_in_time")
    build_range_checks({"imports": MOMENTS})
