"""Deals come from files: their imports, and what files name contacts and companies by."""

from alembic import op

from crm_shared.features.imports.schema import FOLD_CASE, imports_ddl
from crm_shared.features.replicas.schema import ADD_KEYS

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.execute(FOLD_CASE)
    op.execute(imports_ddl("deals", ["DEAL"]))
    op.execute(ADD_KEYS)
