"""How much is before everybody's next write, for who lets batches in."""

from alembic import op

from crm_shared.bulk_backlog import BULK_BACKLOG_DDL
from crm_shared.database.time_range_checks import range_check

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    op.execute(BULK_BACKLOG_DDL)
    op.execute(range_check("bulk_backlog", ("asked_at", "measured_at")))
