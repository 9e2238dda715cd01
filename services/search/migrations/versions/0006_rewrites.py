"""How far each tenant's documents are of the present form."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0006"
down_revision = "0005"

REWRITES = """
    CREATE TABLE document_rewrites (
        tenant_id  uuid PRIMARY KEY,
        form       text NOT NULL,  -- the index, and what its documents hold
        after_type text NOT NULL,  -- written again up to this record
        after_id   uuid NOT NULL,
        done_at    timestamptz
    );
    CREATE INDEX document_rewrites_open ON document_rewrites (tenant_id) WHERE done_at IS NULL;
"""


def upgrade() -> None:
    op.execute(REWRITES)
    op.execute(protect("document_rewrites", service="search"))
    op.execute(range_check("document_rewrites", ("done_at",)))
