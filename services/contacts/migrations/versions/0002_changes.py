"""Who changed what and when."""

from alembic import op

from crm_shared.features.audit import AUDIT_DDL

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(AUDIT_DDL)
