"""Open deals by stage and when they entered it: how long they have stayed is read from an index alone."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0019"
down_revision = "0018"

OPEN = """
    deal_facts (tenant_id, stage_id, stage_changed_at) INCLUDE (owner_id)
     WHERE status = 'OPEN' AND NOT is_deleted
"""


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deal_facts_open_by_stage", OPEN):
            op.execute(statement)
