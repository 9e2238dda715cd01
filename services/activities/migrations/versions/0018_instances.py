"""From a series to its instances, in the order of their names."""

from alembic import op

revision = "0018"
down_revision = "0017"

INDEX = """
    CREATE INDEX CONCURRENTLY activities_of_series ON activities (tenant_id, series_id, recurrence_id COLLATE "C")
     WHERE series_id IS NOT NULL
"""


def upgrade() -> None:
    """Build it while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS activities_of_series")
        op.execute(INDEX)
