"""Tags as rows, and what lists need."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0005"
down_revision = "0004"

# A record's own array is the original. These rows hold the living records' tags in the order that lists are read in:
# under row-level security no index on an array is used. A trigger keeps them in step whichever statement writes a
# record; one without tags costs no call. `created_at` never changes, so it may stand here too.
TAGS = """
    CREATE TABLE {record}_tags (
        tenant_id  uuid NOT NULL,
        tag        text COLLATE "C" NOT NULL,
        owner_id   uuid NOT NULL,
        created_at timestamptz NOT NULL,
        {record}_id uuid NOT NULL,
        PRIMARY KEY (tenant_id, tag, created_at, {record}_id)
    );
    CREATE INDEX {record}_tags_by_owner ON {record}_tags (tenant_id, tag, owner_id, created_at, {record}_id);

    CREATE FUNCTION follow_{record}_tags() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' THEN
            DELETE FROM {record}_tags t
             WHERE t.tenant_id = OLD.tenant_id AND t.tag = ANY (OLD.tags) AND t.created_at = OLD.created_at
               AND t.{record}_id = OLD.id AND (NEW.deleted_at IS NOT NULL OR t.tag <> ALL (NEW.tags));
        END IF;
        IF NEW.deleted_at IS NULL THEN
            INSERT INTO {record}_tags AS t (tenant_id, tag, owner_id, created_at, {record}_id)
            SELECT NEW.tenant_id, given.tag, NEW.owner_id, NEW.created_at, NEW.id
              FROM (SELECT DISTINCT tag FROM unnest(NEW.tags) AS all_tags (tag)) AS given
            ON CONFLICT (tenant_id, tag, created_at, {record}_id) DO UPDATE
               SET owner_id = excluded.owner_id
             WHERE t.owner_id <> excluded.owner_id;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER {table}_tagged AFTER INSERT ON {table}
        FOR EACH ROW WHEN (NEW.tags <> '{{}}') EXECUTE FUNCTION follow_{record}_tags();
    CREATE TRIGGER {table}_tags_changed AFTER UPDATE OF tags, owner_id, deleted_at ON {table}
        FOR EACH ROW WHEN ((OLD.tags <> '{{}}' OR NEW.tags <> '{{}}')
                           AND (OLD.tags, OLD.owner_id, OLD.deleted_at IS NULL)
                               IS DISTINCT FROM (NEW.tags, NEW.owner_id, NEW.deleted_at IS NULL))
        EXECUTE FUNCTION follow_{record}_tags();

    -- FORCE binds the owner, who migrates, to the tenant that is set: none.
    ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;
    INSERT INTO {record}_tags (tenant_id, tag, owner_id, created_at, {record}_id)
    SELECT DISTINCT r.tenant_id, given.tag, r.owner_id, r.created_at, r.id
      FROM {table} r CROSS JOIN LATERAL unnest(r.tags) AS given (tag)
     WHERE r.deleted_at IS NULL;
    ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
"""

# Each ends in the id, as pages do. A REP's or a team's list is read owner by owner, in any order of the list's.
INDEXES = """
    CREATE INDEX contacts_by_owner_updated ON contacts (tenant_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_owner_name ON contacts (tenant_id, owner_id, name_key, id) WHERE deleted_at IS NULL;
    CREATE INDEX contacts_by_source ON contacts (tenant_id, source, created_at, id)
     WHERE deleted_at IS NULL AND source IS NOT NULL;
    CREATE INDEX contacts_deleted ON contacts (tenant_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

    CREATE INDEX companies_by_owner_updated ON companies (tenant_id, owner_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_owner_name ON companies (tenant_id, owner_id, name_key, id) WHERE deleted_at IS NULL;
    CREATE INDEX companies_by_industry ON companies (tenant_id, industry, created_at, id)
     WHERE deleted_at IS NULL AND industry IS NOT NULL;
    CREATE INDEX companies_deleted ON companies (tenant_id, deleted_at, id) WHERE deleted_at IS NOT NULL;

    DROP INDEX contacts_by_external_id;
    CREATE UNIQUE INDEX contacts_one_external_id ON contacts (tenant_id, external_id)
     WHERE deleted_at IS NULL AND external_id IS NOT NULL;
"""


def upgrade() -> None:
    for table, record in (("contacts", "contact"), ("companies", "company")):
        op.execute(TAGS.format(table=table, record=record))
        op.execute(protect(f"{record}_tags", service="contacts"))
    op.execute(INDEXES)
