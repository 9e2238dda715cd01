"""Who owned each deal when it was won: read for a whole window at once, beside the deals that closed in it."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0012"
down_revision = "0011"

# Both are in the same order, deal by deal: many deals that were imported as closed at one moment cost no more.
INDEXES = {
    "deal_facts_closed_in_window": """
        deal_facts (tenant_id, pipeline_id, closed_at, deal_id) INCLUDE (owner_id, status, amount, currency, created_at)
         WHERE status <> 'OPEN' AND NOT is_deleted
    """,
    "deal_periods_won": """
        deal_periods (tenant_id, closed_at, deal_id, valid_from) INCLUDE (owner_id) WHERE status = 'WON'
    """,
}


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
