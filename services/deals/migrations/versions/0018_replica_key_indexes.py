"""Indexes for contacts and companies as files name them, made while others write."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild
from crm_shared.features.replicas.schema import KEY_INDEXES

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for name, definition in KEY_INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
