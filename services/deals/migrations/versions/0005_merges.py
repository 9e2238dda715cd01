"""Deals that follow a merge."""

from alembic import op

from crm_shared.features.replicas.schema import ADD_MERGED_INTO

revision = "0005"
down_revision = "0004"

# The contact that a deal was first given to, while that is merged into another. And whose contact it is, for deleted
# deals: they follow too, and deals_by_contact has only living ones.
FOLLOWING = """
    CREATE INDEX deals_by_original_contact ON deals (tenant_id, original_contact_id)
     WHERE original_contact_id IS NOT NULL;
    CREATE INDEX deals_by_any_contact ON deals (tenant_id, contact_id)
     WHERE original_contact_id IS NULL AND contact_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(ADD_MERGED_INTO)
    op.execute(FOLLOWING)
