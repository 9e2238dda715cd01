"""A tenant's whole state in the replica: a setting is read wherever it is needed, without a column for each."""

from alembic import op

from crm_shared.access.schema import TENANT_STATE_DDL

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.execute(TENANT_STATE_DDL)
