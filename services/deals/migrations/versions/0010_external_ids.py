"""External ids: one living deal has one, so that an import finds what it brought before."""

from alembic import op

revision = "0010"
down_revision = "0009"

INDEX = """
    CREATE UNIQUE INDEX deals_one_external_id ON deals (tenant_id, external_id)
     WHERE deleted_at IS NULL AND external_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(INDEX)
