"""Files name records without minding the case of letters, as in contacts: the replica keeps names folded."""

from alembic import op

from crm_shared.features.replicas.schema import ADD_NAME_KEY

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.execute(ADD_NAME_KEY)
