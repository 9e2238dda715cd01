"""A contact's timeline type by type: entries of a rare one are found without looking through all."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0028"
down_revision = "0027"

BY_TYPE = """
    activity_contacts (tenant_id, contact_id, type, occurred_at, deal_version, activity_id)
     WHERE is_current AND NOT is_deleted
"""


def upgrade() -> None:
    """Build it while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("activity_contacts_by_type", BY_TYPE):
            op.execute(statement)
