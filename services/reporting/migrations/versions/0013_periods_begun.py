"""Periods by when they began: for the deals that changed between two moments of long ago."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0013"
down_revision = "0012"

# Those that ended between them have `deal_periods_by_end`, which would give all that ended ever since for these.
BEGUN = "deal_periods (tenant_id, pipeline_id, valid_from)"


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deal_periods_by_begin", BEGUN):
            op.execute(statement)
