"""The index for names as files have them, made while others write; the one for the very letters goes."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild
from crm_shared.features.replicas.schema import DROP_NAME_INDEX, NAME_KEY_INDEX

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild(*NAME_KEY_INDEX):
            op.execute(statement)
        op.execute(DROP_NAME_INDEX)
