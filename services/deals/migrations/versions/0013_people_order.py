"""Names in people's order."""

from alembic import op

from crm_shared.database.collations import COLLATIONS_DDL
from crm_shared.database.index_builds import to_rebuild

revision = "0013"
down_revision = "0012"

BY_NAME = "deals (tenant_id, name COLLATE people_order, id) WHERE deleted_at IS NULL"


def upgrade() -> None:
    op.execute(COLLATIONS_DDL)
    with op.get_context().autocommit_block():
        for statement in to_rebuild("deals_by_name", BY_NAME):
            op.execute(statement)
