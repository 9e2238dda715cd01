"""Duplicates found."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0006"
down_revision = "0005"

# What a contact is found by and how common its values are, as hashes: no value of a field is kept a second time. All of
# it is derived from contacts, so that it may be emptied and made again by `republish`.
TABLES = """
    CREATE TABLE matching_profiles (
        tenant_id       uuid NOT NULL,
        contact_id      uuid NOT NULL,
        version         bigint NOT NULL,  -- of the contact when it was last looked at: older events change nothing
        fingerprint     bytea NOT NULL,   -- of what matching looks at
        keys            bigint[] NOT NULL,
        terms           bigint[] NOT NULL,
        PRIMARY KEY (tenant_id, contact_id)
    );
    CREATE TABLE matching_keys (
        tenant_id  uuid NOT NULL,
        key        bigint NOT NULL,
        contact_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, key, contact_id)
    );
    CREATE TABLE matching_terms (
        tenant_id uuid NOT NULL,
        term      bigint NOT NULL,
        contacts  bigint NOT NULL,
        PRIMARY KEY (tenant_id, term)
    ) WITH (fillfactor = 80);
    CREATE TABLE duplicate_candidates (
        tenant_id    uuid NOT NULL,
        id           uuid NOT NULL,
        low_id       uuid NOT NULL,
        high_id      uuid NOT NULL,
        low_version  bigint NOT NULL,  -- of the contacts when they were scored, or dismissed
        high_version bigint NOT NULL,
        score        float8 NOT NULL,
        band         text NOT NULL CHECK (band IN ('AUTO', 'SUGGEST')),
        status       text NOT NULL CHECK (status IN ('OPEN', 'MERGED', 'DISMISSED')),
        reasons      jsonb NOT NULL,
        found_at     timestamptz NOT NULL,
        decided_at   timestamptz,
        decided_by   uuid,  -- null while open, and where the system merged them
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, low_id, high_id),
        CHECK (low_id < high_id)
    );
    CREATE INDEX duplicate_candidates_by_high ON duplicate_candidates (tenant_id, high_id);
    CREATE INDEX duplicate_candidates_by_status ON duplicate_candidates (tenant_id, status, found_at, id);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("matching_profiles", "matching_keys", "matching_terms", "duplicate_candidates"):
        op.execute(protect(table, service="contacts"))
