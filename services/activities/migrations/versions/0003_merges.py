"""Activities that follow a merge."""

from alembic import op

from crm_shared.features.replicas.schema import ADD_MERGED_INTO

revision = "0003"
down_revision = "0002"

# The contact that an activity was first given to, while that is merged into another.
FOLLOWING = """
    CREATE INDEX activities_by_original_contact ON activities (tenant_id, original_contact_id)
     WHERE original_contact_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(ADD_MERGED_INTO)
    op.execute(FOLLOWING)
