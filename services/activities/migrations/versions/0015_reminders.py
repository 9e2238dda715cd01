"""Reminders that are yet to be given, by their time."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0015"
down_revision = "0014"

YET_TO_GIVE = """
     WHERE remind_at IS NOT NULL AND reminded_at IS NULL AND completed_at IS NULL AND deleted_at IS NULL
"""
# The next of all, and whose those are that are due; then each tenant's own.
INDEXES = {
    "activities_to_remind": "activities (remind_at, tenant_id)" + YET_TO_GIVE,
    "activities_to_remind_by_tenant": "activities (tenant_id, remind_at, id)" + YET_TO_GIVE,
}


def upgrade() -> None:
    """Build each while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
