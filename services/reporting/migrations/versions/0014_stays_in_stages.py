"""A deal's entries, stage by stage in their order: for how it went on, and how long it stayed."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0014"
down_revision = "0013"

# It holds all that reports read of an entry, so the table itself is not read.
BY_DEAL = "stage_transitions (tenant_id, deal_id, to_stage_id, changed_at, version)"


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("stage_transitions_by_deal", BY_DEAL):
            op.execute(statement)
