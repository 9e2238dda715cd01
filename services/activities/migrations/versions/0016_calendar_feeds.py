"""Calendar feeds, and the indexes that they are read by."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0016"
down_revision = "0015"

# Of the secret its SHA-256 alone.
FEEDS = """
    CREATE TABLE calendar_feeds (
        tenant_id    uuid NOT NULL,
        id           uuid NOT NULL,
        user_id      uuid NOT NULL,
        secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
        created_at   timestamptz NOT NULL,
        last_read_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, secret_hash)
    );
    CREATE INDEX calendar_feeds_by_user ON calendar_feeds (tenant_id, user_id, created_at, id);
"""
# The tasks stand in the inbox's. By plain columns: row-level security lets an index serve no expression
# that is not leak-proof.
INDEXES = {
    "activities_open_meetings_by_time": """
        ON activities (tenant_id, user_id, scheduled_at, id)
     WHERE type = 'MEETING' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NOT NULL
    """,
    "activities_open_meetings_by_day": """
        ON activities (tenant_id, user_id, scheduled_on, id)
     WHERE type = 'MEETING' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_on IS NOT NULL
    """,
    "activities_cancelled": """
        ON activities (tenant_id, user_id, deleted_at)
     WHERE type IN ('TASK', 'MEETING') AND completed_at IS NULL AND deleted_at IS NOT NULL
    """,
}


def upgrade() -> None:
    """Build the indexes while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} {definition}")
    op.execute(FEEDS)
    op.execute(range_check("calendar_feeds", ("created_at", "last_read_at")))
    op.execute(protect("calendar_feeds", service="activities"))
