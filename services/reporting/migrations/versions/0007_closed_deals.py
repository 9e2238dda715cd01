"""What reports over closed deals take: windows of closings, why deals were lost, whence contacts came."""

from alembic import op

from crm_shared.database.collations import COLLATIONS_DDL
from crm_shared.database.index_builds import to_rebuild

revision = "0007"
down_revision = "0006"

# Of rows written before, the new columns are null until their records are told of again: a snapshot fills them in.
COLUMNS = """
    ALTER TABLE deal_facts ADD COLUMN IF NOT EXISTS lost_reason text;
    ALTER TABLE contacts ADD COLUMN IF NOT EXISTS source text;
    ALTER TABLE contacts ADD COLUMN IF NOT EXISTS is_deleted boolean NOT NULL DEFAULT false;
"""

# It holds all that counting by owner and by month reads.
CLOSED = """
    deal_facts (tenant_id, pipeline_id, closed_at) INCLUDE (owner_id, status, amount, currency, created_at)
     WHERE status <> 'OPEN' AND NOT is_deleted
"""


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    op.execute(COLLATIONS_DDL)
    op.execute(COLUMNS)
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deal_facts_closed_in_window", CLOSED):
            op.execute(statement)
