"""Activities come from files: their imports."""

from alembic import op

from crm_shared.features.imports.schema import FOLD_CASE, imports_ddl

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.execute(FOLD_CASE)
    op.execute(imports_ddl("activities", ["ACTIVITY"]))
