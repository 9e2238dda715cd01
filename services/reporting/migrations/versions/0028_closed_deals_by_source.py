"""Closed deals with their contact, for win rate by source, in place of two indexes that attainment read."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0028"
down_revision = "0027"

# Who won a deal is in `handed_over_wins` since 0024, so nothing reads won periods by when they closed any more, and the
# order of closed deals that closed at one moment is nobody's.
CLOSED = """
    deal_facts (tenant_id, pipeline_id, closed_at)
    INCLUDE (owner_id, contact_id, status, amount, currency, created_at) WHERE status <> 'OPEN' AND NOT is_deleted
"""


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deal_facts_closed_in_window", CLOSED):
            op.execute(statement)
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS deal_periods_won")
