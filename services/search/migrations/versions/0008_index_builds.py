"""Which indexes there are, and how far each one's parts are filled and compared with the rows."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0008"
down_revision = "0007"

# Names of indexes are no tenant's: whoever may use the table (grants.toml: the worker) sees them all, and so does the
# owner, who registers an index at `migrate`.
INDEXES = """
    CREATE TABLE search_indexes (
        name       text PRIMARY KEY,
        form       integer NOT NULL,  -- INDEX_VERSION of its documents
        state      text NOT NULL
                   CHECK (state IN ('making', 'filling', 'refilling', 'settling', 'live', 'kept', 'abandoned')),
        refusal    text,              -- why it was not put in the live one's place
        changed_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE UNIQUE INDEX search_indexes_open ON search_indexes ((true)) WHERE state IN ('making', 'filling');
    ALTER TABLE search_indexes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE search_indexes FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON search_indexes USING (true) WITH CHECK (true);
"""
PARTS = """
    CREATE TABLE index_parts (
        index_name  text NOT NULL,
        tenant_id   uuid NOT NULL,
        type        text NOT NULL,
        filled_to   uuid NOT NULL,       -- written up to this record
        filled_rows bigint NOT NULL DEFAULT 0,
        filled_at   timestamptz,
        compared_to uuid NOT NULL,       -- compared up to this record
        counting    jsonb,               -- what the comparison under way has counted so far
        found       jsonb,               -- what the last whole one found
        compared_at timestamptz,
        PRIMARY KEY (index_name, tenant_id, type)
    );
"""


def upgrade() -> None:
    op.execute(INDEXES)
    op.execute(range_check("search_indexes", ("changed_at",)))
    op.execute(PARTS)
    op.execute(protect("index_parts", service="search"))
    op.execute(range_check("index_parts", ("filled_at", "compared_at")))
    # What it noted is done by filling an index beside the live one.
    op.execute("DROP TABLE document_rewrites")
