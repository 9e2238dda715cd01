"""Webhooks: when replays began, replays under way, and who holds a lane."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0012"
down_revision = "0011"

# `claim` counts who took a lane: an attempt whose lease has passed to another must not move the lane on.
CEILINGS = """
    ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS replays timestamptz[] NOT NULL DEFAULT '{}';
    ALTER TABLE webhook_lanes ADD COLUMN IF NOT EXISTS claim bigint NOT NULL DEFAULT 0;
"""
REPLAYING = "webhook_deliveries (tenant_id, webhook_id, replay_of) WHERE status = 'PENDING' AND replay_of IS NOT NULL"


def upgrade() -> None:
    op.execute(CEILINGS)
    with op.get_context().autocommit_block():
        for statement in to_rebuild("webhook_deliveries_replaying", REPLAYING):
            op.execute(statement)
