"""What the service of these tests keeps."""

from alembic import op

from crm_shared.access.schema import HANDOVER_DDL, TENANT_STATE_DDL, directory_ddl
from crm_shared.access.shares import shares_ddl
from crm_shared.database.rls import protect
from crm_shared.http.idempotency import idempotency_ddl

revision = "0001"
down_revision = None

TABLES = """
    CREATE TABLE things (
        tenant_id uuid NOT NULL,
        id        uuid NOT NULL,
        name      text NOT NULL,
        notes     jsonb NOT NULL,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, name) DEFERRABLE INITIALLY DEFERRED
    );
"""


def upgrade() -> None:
    op.execute(directory_ddl("things"))
    op.execute(shares_ddl("things"))
    op.execute(HANDOVER_DDL)
    op.execute(TENANT_STATE_DDL)
    op.execute(idempotency_ddl("things"))
    op.execute(TABLES)
    op.execute(protect("things", service="things"))
