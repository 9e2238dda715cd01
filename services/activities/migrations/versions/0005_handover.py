"""Users who left have a successor, who gets what they had to do."""

from alembic import op

from crm_shared.access.schema import HANDOVER_DDL

revision = "0005"
down_revision = "0004"

# A leaver may have done a hundred thousand things and have three to do.
TO_DO = """
    CREATE INDEX activities_to_do_by_user ON activities (tenant_id, user_id, created_at, id)
        WHERE deleted_at IS NULL AND completed_at IS NULL AND type IN ('TASK', 'MEETING');
"""


def upgrade() -> None:
    op.execute(HANDOVER_DDL)
    op.execute(TO_DO)
