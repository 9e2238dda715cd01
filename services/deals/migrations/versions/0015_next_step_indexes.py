"""Indexes for what deals wait for, made while others write; what is in the tables is held against their new walls."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0015"
down_revision = "0014"

CHECKS = (
    ("deals", "deals_in_time"),
    ("deals", "deals_next_step"),
    ("deal_activities", "deal_activities_in_time"),
)
LISTED = "WHERE deleted_at IS NULL AND status = 'OPEN'"
INDEXES = {
    "deals_by_next_step": f"deals (tenant_id, next_step, created_at, id) {LISTED}",
    "deals_by_owners_next_step": f"deals (tenant_id, owner_id, next_step, created_at, id) {LISTED}",
    "deals_coming_due": f"deals (tenant_id, next_due_at, id) {LISTED} AND next_step = 'PLANNED'",
    "deal_activities_open": "deal_activities (tenant_id, deal_id, due_at, activity_id) WHERE is_open",
    "deal_activities_whole_days": (
        "deal_activities (tenant_id, activity_id) WHERE is_open AND scheduled_on IS NOT NULL"
    ),
}


def upgrade() -> None:
    """Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for table, constraint in CHECKS:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}")
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
