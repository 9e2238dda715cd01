"""Imports remember which rows of an errors file they took: mended and sent again it makes nobody twice."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0015"
down_revision = "0014"

TABLE = """
    CREATE TABLE IF NOT EXISTS import_taken_rows (
        tenant_id uuid NOT NULL,
        source_id uuid NOT NULL,  -- the import whose errors file names the row
        line      bigint NOT NULL,
        import_id uuid NOT NULL,  -- the one that took it
        PRIMARY KEY (tenant_id, source_id, line)
    );
    CREATE INDEX IF NOT EXISTS import_taken_rows_by_import ON import_taken_rows (tenant_id, import_id);
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute(protect("import_taken_rows", service="contacts"))
