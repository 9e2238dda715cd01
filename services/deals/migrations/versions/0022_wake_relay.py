"""Who writes to the outbox wakes a relay that sleeps."""

from alembic import op

from crm_shared.outbox import WAKE_RELAY_DDL

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute(WAKE_RELAY_DDL)
