"""A deal's timeline type by type, as a contact's: entries of a rare one are found without looking through all."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0029"
down_revision = "0028"

BY_TYPE = """
    activities (tenant_id, deal_id, type, occurred_at, deal_version, id)
     WHERE deleted_at IS NULL AND deal_id IS NOT NULL
"""


def upgrade() -> None:
    """Build it while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("activities_of_deals_by_type", BY_TYPE):
            op.execute(statement)
