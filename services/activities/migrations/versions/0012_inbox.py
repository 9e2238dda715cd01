"""The inbox: the open tasks of a user, by when they are due."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0012"
down_revision = "0011"

# A task has a time, a day, or neither, so each stands in one of these. They hold all that counting and paging read.
INDEXES = {
    "activities_open_tasks_by_time": """
        activities (tenant_id, user_id, scheduled_at, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NOT NULL
    """,
    "activities_open_tasks_by_day": """
        activities (tenant_id, user_id, scheduled_on, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_on IS NOT NULL
    """,
    "activities_open_tasks_undated": """
        activities (tenant_id, user_id, created_at, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NULL
       AND scheduled_on IS NULL
    """,
}


def upgrade() -> None:
    """Build each while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
