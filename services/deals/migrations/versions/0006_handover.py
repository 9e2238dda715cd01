"""Users who left have a successor."""

from alembic import op

from crm_shared.access.schema import HANDOVER_DDL

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.execute(HANDOVER_DDL)
