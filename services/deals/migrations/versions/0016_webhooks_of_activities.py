"""Webhooks hear of activities: what is kept of one is found when it is erased."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0016"
down_revision = "0015"

OF_ACTIVITIES = "webhook_deliveries (tenant_id, record_id) WHERE event_type LIKE 'crm.activity.%'"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for statement in to_rebuild("webhook_deliveries_of_activities", OF_ACTIVITIES):
            op.execute(statement)
