"""Imports: the file while it waits, what became of it, and what it wrote so that it can be taken back."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0008"
down_revision = "0007"

TABLES = """
    CREATE TABLE imports (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        created_by  uuid NOT NULL,
        entity_type text NOT NULL CHECK (entity_type IN ('CONTACT', 'COMPANY')),
        mode        text NOT NULL CHECK (mode IN ('create', 'upsert', 'update')),
        id_property text,
        dry_run     boolean NOT NULL,
        status      text NOT NULL CHECK (status IN ('QUEUED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED',
                                                    'REVERTING', 'REVERTED')),
        file_name   text NOT NULL,
        file_bytes  bigint NOT NULL,
        encoding    text NOT NULL,
        delimiter   text NOT NULL,
        columns     jsonb NOT NULL,  -- [[header, field or null], ...] in the file's order
        rows_read   bigint NOT NULL DEFAULT 0,  -- committed with what those rows wrote: where a new worker goes on
        bytes_read  bigint NOT NULL DEFAULT 0,
        created     bigint NOT NULL DEFAULT 0,
        updated     bigint NOT NULL DEFAULT 0,
        unchanged   bigint NOT NULL DEFAULT 0,
        failed      bigint NOT NULL DEFAULT 0,
        problem     text,
        preview     jsonb,
        reverted    jsonb,  -- {deleted, restored, kept, chunks}
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL,
        started_at  timestamptz,
        finished_at timestamptz,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE INDEX imports_by_created ON imports (tenant_id, created_at, id);
    CREATE INDEX imports_waiting ON imports (created_at, id) WHERE status IN ('QUEUED', 'RUNNING', 'REVERTING');

    -- The file as it came, in pieces that one message holds. Compressing them would cost more than it saves: they
    -- are read once and deleted.
    CREATE TABLE import_pieces (
        tenant_id uuid NOT NULL,
        import_id uuid NOT NULL,
        number    integer NOT NULL,
        data      bytea NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, import_id, number)
    );
    ALTER TABLE import_pieces ALTER COLUMN data SET STORAGE EXTERNAL;

    CREATE TABLE import_errors (
        tenant_id uuid NOT NULL,
        import_id uuid NOT NULL,
        line      bigint NOT NULL,
        number    integer NOT NULL,  -- of the errors of one line
        field     text NOT NULL,
        reason    text NOT NULL,
        cells     text[] NOT NULL,
        PRIMARY KEY (tenant_id, import_id, line, number)
    );

    -- What each transaction of an import wrote: a row for thousands of records, since one for each would cost a
    -- tenth of the import. The values from before stand in record_changes.
    CREATE TABLE import_chunks (
        tenant_id        uuid NOT NULL,
        import_id        uuid NOT NULL,
        number           integer NOT NULL,
        written_at       timestamptz NOT NULL,  -- changed_at of these changes, which tells them from later edits
        created_ids      uuid[] NOT NULL,
        updated_ids      uuid[] NOT NULL,
        updated_versions bigint[] NOT NULL,
        reverted_at      timestamptz,
        PRIMARY KEY (tenant_id, import_id, number)
    );
"""

# Rows are copied into a temporary table: COPY can't pass row-level security, and what is temporary has none to pass.
MAY_STAGE = """
    DO $$ BEGIN
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO contacts_worker', current_database());
    END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(MAY_STAGE)
    for table in ("imports", "import_pieces", "import_errors", "import_chunks"):
        op.execute(protect(table, service="contacts"))
