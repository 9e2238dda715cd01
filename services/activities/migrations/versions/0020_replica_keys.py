"""The replica keeps what files name contacts and companies by."""

from alembic import op

from crm_shared.features.replicas.schema import ADD_KEYS

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.execute(ADD_KEYS)
