"""The tables of imports, the same in every service that takes them."""

from collections.abc import Collection

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

TABLES = ("imports", "import_pieces", "import_errors", "import_chunks", "import_taken_rows")
MOMENTS = {
    "imports": ("created_at", "updated_at", "started_at", "finished_at", "turned_at"),
    "import_pieces": ("stored_at",),
    "import_chunks": ("written_at", "reverted_at"),
}

_TABLES = """
    CREATE TABLE imports (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        created_by  uuid NOT NULL,
        entity_type text NOT NULL CHECK (entity_type IN ({entity_types})),
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
        options     jsonb NOT NULL DEFAULT '{{}}',
        warnings    jsonb NOT NULL DEFAULT '[]',
        rows_read   bigint NOT NULL DEFAULT 0,  -- committed with what those rows wrote: where a new worker goes on
        bytes_read  bigint NOT NULL DEFAULT 0,
        created     bigint NOT NULL DEFAULT 0,
        updated     bigint NOT NULL DEFAULT 0,
        unchanged   bigint NOT NULL DEFAULT 0,
        failed      bigint NOT NULL DEFAULT 0,
        problem     text,
        preview     jsonb,
        reverted    jsonb,
        waits_for   text,
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL,
        started_at  timestamptz,
        finished_at timestamptz,
        turned_at   timestamptz,
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

    -- What each transaction of an import wrote. The values from before stand in record_changes.
    CREATE TABLE import_chunks (
        tenant_id        uuid NOT NULL,
        import_id        uuid NOT NULL,
        number           integer NOT NULL,
        written_at       timestamptz NOT NULL,  -- changed_at of these changes, which tells them from later edits
        created_ids      uuid[] NOT NULL,
        updated_ids      uuid[] NOT NULL,
        updated_versions bigint[] NOT NULL,
        reverted_at      timestamptz,
        entity_type      text,  -- where it is not the import's own
        PRIMARY KEY (tenant_id, import_id, number)
    );

    CREATE TABLE import_taken_rows (
        tenant_id uuid NOT NULL,
        source_id uuid NOT NULL,  -- the import whose errors file names the row
        line      bigint NOT NULL,
        import_id uuid NOT NULL,  -- the one that took it
        PRIMARY KEY (tenant_id, source_id, line)
    );
    CREATE INDEX import_taken_rows_by_import ON import_taken_rows (tenant_id, import_id);
"""


def imports_ddl(service: str, entity_types: Collection[str]) -> str:
    """Return the SQL for a migration of `service`, which keeps records of these types."""
    tables = _TABLES.format(entity_types=", ".join(f"'{one}'" for one in entity_types))
    checks = "".join(range_check(table, columns) for table, columns in MOMENTS.items())
    return tables + checks + "".join(protect(table, service=service) for table in TABLES)


FOLD_CASE = """
    CREATE FUNCTION fold_case(value text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN casefold(value COLLATE "pg_unicode_fast");
"""
"""How texts are compared without their letters' case. Contacts has had it from its first migration."""
