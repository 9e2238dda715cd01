"""Tenants and users, companies, contacts."""

from alembic import op

from crm_shared.access.schema import directory_ddl
from crm_shared.database.rls import protect
from crm_shared.http.idempotency import idempotency_ddl
from crm_shared.outbox import OUTBOX_DDL

revision = "0001"
down_revision = None

# Text is compared without case through columns that hold it folded: under row-level security an index on an
# expression is never used, since no function on a column is leak-proof. Comparisons of plain text are; in the
# byte order of "C" they serve prefixes as ranges too.
FOLD_CASE = """
    CREATE FUNCTION fold_case(value text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
        RETURN casefold(value COLLATE "pg_unicode_fast");
"""

# What contacts, the directory's owner, needs beside the tables that every service has.
DIRECTORY = """
    CREATE UNIQUE INDEX directory_users_one_email ON directory_users (tenant_id, fold_case(email));
    CREATE INDEX directory_users_by_created ON directory_users (tenant_id, created_at, id);
"""

TABLES = """
    CREATE TABLE companies (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        name        text NOT NULL,
        domain      text COLLATE "C",
        industry    text,
        size        text,
        website     text,
        owner_id    uuid NOT NULL,
        tags        text[] NOT NULL,
        custom_data jsonb NOT NULL,
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL,
        deleted_at  timestamptz,
        name_key    text COLLATE "C" NOT NULL GENERATED ALWAYS AS (fold_case(name)) STORED,
        PRIMARY KEY (tenant_id, id)
    );
    CREATE UNIQUE INDEX companies_one_domain ON companies (tenant_id, domain) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_created ON companies (tenant_id, created_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_updated ON companies (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_name ON companies (tenant_id, name_key, id) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_owner ON companies (tenant_id, owner_id, created_at, id) WHERE deleted_at IS NULL;

    CREATE TABLE contacts (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        first_name  text,
        last_name   text,
        email       text,
        phone       text,
        phone_e164  text COLLATE "C",
        company_id  uuid,
        job_title   text,
        source      text CHECK (source IN ('INBOUND', 'OUTBOUND', 'REFERRAL')),
        owner_id    uuid NOT NULL,
        tags        text[] NOT NULL,
        custom_data jsonb NOT NULL,
        external_id text COLLATE "C",
        shares      jsonb NOT NULL,
        merged_into uuid,
        created_at  timestamptz NOT NULL,
        updated_at  timestamptz NOT NULL,
        deleted_at  timestamptz,
        email_key   text COLLATE "C" GENERATED ALWAYS AS (fold_case(email)) STORED,
        -- "first last" to sort by and to find by; "last first" to find by.
        name_key    text COLLATE "C" NOT NULL GENERATED ALWAYS AS
                        (fold_case(btrim(coalesce(first_name, '') || ' ' || coalesce(last_name, '')))) STORED,
        surname_key text COLLATE "C" NOT NULL GENERATED ALWAYS AS
                        (fold_case(btrim(coalesce(last_name, '') || ' ' || coalesce(first_name, '')))) STORED,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, company_id) REFERENCES companies (tenant_id, id),
        CHECK (coalesce(first_name, last_name, email, phone) IS NOT NULL)
    );
    CREATE UNIQUE INDEX contacts_one_email ON contacts (tenant_id, email_key) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_created ON contacts (tenant_id, created_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_updated ON contacts (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_name ON contacts (tenant_id, name_key, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_surname ON contacts (tenant_id, surname_key, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_owner ON contacts (tenant_id, owner_id, created_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_company ON contacts (tenant_id, company_id, created_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_phone ON contacts (tenant_id, phone_e164)
     WHERE deleted_at IS NULL AND phone_e164 IS NOT NULL;
    CREATE INDEX contacts_by_external_id ON contacts (tenant_id, external_id)
     WHERE deleted_at IS NULL AND external_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(directory_ddl("contacts"))
    op.execute(idempotency_ddl("contacts"))
    op.execute(OUTBOX_DDL)
    op.execute(FOLD_CASE)
    op.execute(DIRECTORY)
    op.execute(TABLES)
    for table in ("companies", "contacts"):
        op.execute(protect(table, service="contacts"))
