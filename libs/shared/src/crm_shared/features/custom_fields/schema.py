"""The table of custom fields, and the functions that indexes on custom_data are made of."""

from typing import Final, Literal

from crm_shared.database.rls import protect

TABLE: Final = """
    -- A deleted field stays until the worker has removed its values and its index: `deleted_at` hides the values at
    -- once, and holds the key. `cleaning_from`: values are removed once every transaction before this one has ended.
    CREATE TABLE custom_fields (
        tenant_id         uuid NOT NULL,
        id                uuid NOT NULL,
        version           bigint NOT NULL,
        entity_type       text NOT NULL CHECK (entity_type IN ('CONTACT', 'COMPANY', 'DEAL')),
        key               text COLLATE "C" NOT NULL,
        label             text NOT NULL,
        field_type        text NOT NULL CHECK (field_type IN ('TEXT', 'NUMBER', 'DATE', 'SELECT', 'MULTI_SELECT')),
        options           jsonb NOT NULL,
        required          boolean NOT NULL,
        indexed           boolean NOT NULL,
        index_state       text NOT NULL CHECK (index_state IN ('NONE', 'BUILDING', 'READY', 'DROPPING', 'FAILED')),
        used_for_matching boolean NOT NULL,
        created_at        timestamptz NOT NULL,
        updated_at        timestamptz NOT NULL,
        deleted_at        timestamptz,
        cleaning_from     xid8,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE UNIQUE INDEX custom_fields_one_key ON custom_fields (tenant_id, entity_type, key);
    CREATE INDEX custom_fields_by_created ON custom_fields (tenant_id, created_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX custom_fields_by_updated ON custom_fields (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX custom_fields_at_work ON custom_fields (index_state) WHERE index_state IN ('BUILDING', 'DROPPING');
    -- Every read of records asks it whether there are keys to hide; it is empty but while values are being removed.
    CREATE INDEX custom_fields_deleted ON custom_fields (tenant_id, entity_type, key) WHERE deleted_at IS NOT NULL;
"""

LOCKS: Final = """
    -- Writers of records share the lock of their entity type's fields, writers of fields take it alone: a field that
    -- was made required, or an option that was retired, holds for every record written after the answer. Volatile
    -- plpgsql, so that the rows are read after the wait, in the same round trip.
    CREATE FUNCTION load_custom_fields(tenant uuid, entity text) RETURNS SETOF custom_fields
        LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('custom fields ' || tenant || ' ' || entity, 0));
        RETURN QUERY SELECT f.* FROM custom_fields f
                      WHERE f.tenant_id = tenant AND f.entity_type = entity AND f.deleted_at IS NULL
                      ORDER BY f.key;
    END $$;

    -- A long import holds its share for long. Whoever waits makes others wait behind, so nobody does for long.
    CREATE FUNCTION lock_custom_fields(tenant uuid, entity text) RETURNS void
        LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
        PERFORM set_config('lock_timeout', '1s', true);
        PERFORM pg_advisory_xact_lock(hashtextextended('custom fields ' || tenant || ' ' || entity, 0));
        PERFORM set_config('lock_timeout', '0', true);
    END $$;
"""

HIDING: Final = """
    CREATE FUNCTION hides_custom_fields(entity text) RETURNS boolean
        LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        RETURN EXISTS (SELECT FROM custom_fields f WHERE f.entity_type = entity AND f.deleted_at IS NOT NULL);
    END $$;

    CREATE FUNCTION shown_custom_data(tenant uuid, entity text, stored jsonb) RETURNS jsonb
        LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
    BEGIN
        RETURN stored - ARRAY(SELECT f.key FROM custom_fields f
                               WHERE f.tenant_id = tenant AND f.entity_type = entity AND f.deleted_at IS NOT NULL);
    END $$;
"""

# Under row-level security a condition uses an index only where its functions are leak-proof, which only a superuser may
# declare (docs/decisions/0014-custom-field-indexes.md). None of them raises an error, whatever a record holds; their
# names and results are part of every index built on them, so a change of result needs a new name.
_TEXT_KEY: Final = "left(casefold((data ->> field) COLLATE pg_unicode_fast), 100)"
_NUMBER_KEY: Final = """
        DECLARE
            written text := data ->> field;
        BEGIN
            IF written ~ '^-?[0-9]{{1,20}}([.][0-9]{{1,10}})?$' THEN
                RETURN written::{type};
            END IF;
            RETURN NULL;
        END
"""


def functions_ddl(*, leakproof: bool) -> str:
    """Return the SQL that makes the functions of the index expressions, unless they are there as good or better.

    `leakproof` needs a superuser. Either form gives the same results, so that one may replace the other under an
    index that stands.
    """
    mark = "LEAKPROOF" if leakproof else ""
    plain = (
        "LANGUAGE internal {} AS 'jsonb_object_field_text'" if leakproof else "LANGUAGE sql {} RETURN data ->> field"
    )
    kind = f"IMMUTABLE STRICT PARALLEL SAFE {mark}"
    return f"""
    DO $make$ BEGIN
        IF NOT {str(leakproof).lower()} AND to_regprocedure('custom_decimal(jsonb, text)') IS NOT NULL THEN
            RETURN;
        END IF;
        CREATE OR REPLACE FUNCTION custom_text(data jsonb, field text) RETURNS text {plain.format(kind)};
        CREATE OR REPLACE FUNCTION custom_text_key(data jsonb, field text) RETURNS text LANGUAGE plpgsql {kind}
            AS $$ BEGIN RETURN {_TEXT_KEY}; END $$;
        CREATE OR REPLACE FUNCTION custom_number_key(data jsonb, field text) RETURNS float8 LANGUAGE plpgsql {kind}
            AS $$ {_NUMBER_KEY.format(type="float8")} $$;
        CREATE OR REPLACE FUNCTION custom_decimal(data jsonb, field text) RETURNS numeric LANGUAGE plpgsql
            IMMUTABLE STRICT PARALLEL SAFE AS $$ {_NUMBER_KEY.format(type="numeric")} $$;
    END $make$;
    """


def custom_fields_ddl(service: Literal["contacts", "deals"]) -> str:
    """Return the SQL of a service whose records may have custom fields."""
    return TABLE + LOCKS + HIDING + functions_ddl(leakproof=False) + protect("custom_fields", service=service)
