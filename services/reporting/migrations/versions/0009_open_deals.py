"""Open deals by close date, for parts of months in the forecast."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0009"
down_revision = "0008"

OPEN = """
    deal_facts (tenant_id, pipeline_id, close_date) INCLUDE (owner_id, stage_id, amount, currency)
     WHERE status = 'OPEN' AND NOT is_deleted AND close_date IS NOT NULL
"""


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deal_facts_open_by_close_date", OPEN):
            op.execute(statement)
