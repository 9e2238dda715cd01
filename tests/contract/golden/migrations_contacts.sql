-- == 0001
CREATE TABLE directory_tenants (
    tenant_id      uuid PRIMARY KEY,
    name           text NOT NULL,
    base_currency  text NOT NULL,
    time_zone      text NOT NULL,
    manager_scope  text NOT NULL CHECK (manager_scope IN ('DIRECT', 'SUBTREE')),
    auto_merge     boolean NOT NULL,
    default_region text NOT NULL,
    version        bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE TABLE directory_users (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    email      text NOT NULL,
    full_name  text NOT NULL,
    role       text NOT NULL CHECK (role IN ('ADMIN', 'MANAGER', 'REP')),
    manager_id uuid,
    active     boolean NOT NULL,
    time_zone  text,  -- null: the tenant's
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX directory_users_by_manager ON directory_users (tenant_id, manager_id) WHERE manager_id IS NOT NULL;
-- Whose records a MANAGER sees beside their own. Maintained in the transaction that applies an org change.
CREATE TABLE visible_owners (
    tenant_id uuid NOT NULL,
    viewer_id uuid NOT NULL,
    owner_id  uuid NOT NULL,
    PRIMARY KEY (tenant_id, viewer_id, owner_id)
);

    ALTER TABLE directory_tenants ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_tenants FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_tenants
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_tenants TO contacts_worker USING (true) WITH CHECK (true);

    ALTER TABLE directory_users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_users FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_users
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_users TO contacts_worker USING (true) WITH CHECK (true);

    ALTER TABLE visible_owners ENABLE ROW LEVEL SECURITY;
    ALTER TABLE visible_owners FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON visible_owners
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON visible_owners TO contacts_worker USING (true) WITH CHECK (true);;

CREATE TABLE idempotency_keys (
    tenant_id   uuid NOT NULL,
    user_id     uuid NOT NULL,
    method      text NOT NULL,
    path        text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer NOT NULL,
    headers     jsonb NOT NULL,
    body        bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id, method, path, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON idempotency_keys
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON idempotency_keys TO contacts_worker USING (true) WITH CHECK (true);;

CREATE TABLE outbox (
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            uuid   NOT NULL,
    aggregatetype text   NOT NULL,
    aggregateid   text   NOT NULL,
    type          text   NOT NULL,
    payload       bytea  NOT NULL,
    tenantid      text   NOT NULL,
    sequence      bigint NOT NULL,
    source        text   NOT NULL,
    dataschema    text   NOT NULL,
    specversion   text   NOT NULL DEFAULT '1.0',
    contenttype   text   NOT NULL DEFAULT 'application/json',
    occurredat    text   NOT NULL,
    traceparent   text
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0,
    toast.autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 1000,
    toast.autovacuum_vacuum_cost_delay = 0
);

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON outbox
    USING (tenantid = NULLIF(current_setting('crm.tenant_id', true), ''));

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app     text := quote_ident(service || '_app');
    worker  text := quote_ident(service || '_worker');
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'the outbox is created by the role <service>_owner, not by %%', current_user;
    END IF;
    EXECUTE 'REVOKE ALL ON outbox FROM ' || app || ', ' || worker;
    EXECUTE 'GRANT INSERT ON outbox TO ' || app;
    EXECUTE 'GRANT SELECT, INSERT, DELETE ON outbox TO ' || worker;
    EXECUTE 'CREATE POLICY worker_sees_all ON outbox TO ' || worker || ' USING (true) WITH CHECK (true)';
END $$;;

CREATE FUNCTION fold_case(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN casefold(value COLLATE "pg_unicode_fast");;

CREATE UNIQUE INDEX directory_users_one_email ON directory_users (tenant_id, fold_case(email));
CREATE INDEX directory_users_by_created ON directory_users (tenant_id, created_at, id);;

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
 WHERE deleted_at IS NULL AND external_id IS NOT NULL;;

ALTER TABLE companies ENABLE ROW LEVEL SECURITY;
ALTER TABLE companies FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON companies
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON companies TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON contacts TO contacts_worker USING (true) WITH CHECK (true);

-- == 0002
CREATE TABLE record_changes (
    tenant_id  uuid NOT NULL,
    aggregate  text NOT NULL,
    record_id  uuid NOT NULL,
    version    bigint NOT NULL,
    verb       text NOT NULL,
    changed    jsonb,  -- {field: {from, to}}; null at the creation
    actor_id   uuid,   -- null: the system
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, aggregate, record_id, version)
);
ALTER TABLE record_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE record_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON record_changes
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);

DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app     text := quote_ident(service || '_app');
    worker  text := quote_ident(service || '_worker');
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'the audit is created by the role <service>_owner, not by %%', current_user;
    END IF;
    EXECUTE 'REVOKE DELETE ON record_changes FROM ' || app || ', ' || worker;
    EXECUTE 'CREATE POLICY worker_sees_all ON record_changes TO ' || worker || ' USING (true) WITH CHECK (true)';
END $$;

-- == 0003
CREATE TABLE contact_shares (
    tenant_id  uuid NOT NULL,
    user_id    uuid NOT NULL,
    contact_id uuid NOT NULL,
    permission text NOT NULL CHECK (permission IN ('READ', 'WRITE')),
    PRIMARY KEY (tenant_id, user_id, contact_id)
);
CREATE INDEX contact_shares_by_contact ON contact_shares (tenant_id, contact_id);

    ALTER TABLE contact_shares ENABLE ROW LEVEL SECURITY;
    ALTER TABLE contact_shares FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON contact_shares
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON contact_shares TO contacts_worker USING (true) WITH CHECK (true);;

CREATE FUNCTION follow_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contact_shares s
     WHERE s.tenant_id = NEW.tenant_id AND s.contact_id = NEW.id
       AND (NEW.deleted_at IS NOT NULL
            OR NOT EXISTS (SELECT FROM jsonb_to_recordset(NEW.shares) AS wanted (user_id uuid)
                            WHERE wanted.user_id = s.user_id));
    IF NEW.deleted_at IS NULL THEN
        INSERT INTO contact_shares AS s (tenant_id, user_id, contact_id, permission)
        SELECT NEW.tenant_id, wanted.user_id, NEW.id, wanted.permission
          FROM jsonb_to_recordset(NEW.shares) AS wanted (user_id uuid, permission text)
        ON CONFLICT (tenant_id, user_id, contact_id) DO UPDATE
           SET permission = excluded.permission
         WHERE s.permission <> excluded.permission;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_shared AFTER INSERT ON contacts
    FOR EACH ROW WHEN (NEW.shares <> '[]') EXECUTE FUNCTION follow_shares();
CREATE TRIGGER contacts_shares_changed AFTER UPDATE OF shares, deleted_at ON contacts
    FOR EACH ROW WHEN ((OLD.shares, OLD.deleted_at IS NULL) IS DISTINCT FROM (NEW.shares, NEW.deleted_at IS NULL))
    EXECUTE FUNCTION follow_shares();

-- == 0004
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

   DO $make$ BEGIN
       IF NOT false AND to_regprocedure('custom_decimal(jsonb, text)') IS NOT NULL THEN
           RETURN;
       END IF;
       CREATE OR REPLACE FUNCTION custom_text(data jsonb, field text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE  RETURN data ->> field;
       CREATE OR REPLACE FUNCTION custom_text_key(data jsonb, field text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE 
           AS $$ BEGIN RETURN left(casefold((data ->> field) COLLATE pg_unicode_fast), 100); END $$;
       CREATE OR REPLACE FUNCTION custom_number_key(data jsonb, field text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE 
           AS $$ 
       DECLARE
           written text := data ->> field;
       BEGIN
           IF written ~ '^-?[0-9]{1,20}([.][0-9]{1,10})?$' THEN
               RETURN written::float8;
           END IF;
           RETURN NULL;
       END
$$;
       CREATE OR REPLACE FUNCTION custom_decimal(data jsonb, field text) RETURNS numeric LANGUAGE plpgsql
           IMMUTABLE STRICT PARALLEL SAFE AS $$ 
       DECLARE
           written text := data ->> field;
       BEGIN
           IF written ~ '^-?[0-9]{1,20}([.][0-9]{1,10})?$' THEN
               RETURN written::numeric;
           END IF;
           RETURN NULL;
       END
$$;
   END $make$;

       ALTER TABLE custom_fields ENABLE ROW LEVEL SECURITY;
       ALTER TABLE custom_fields FORCE ROW LEVEL SECURITY;
       CREATE POLICY tenant_isolation ON custom_fields
           USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
       CREATE POLICY worker_sees_all ON custom_fields TO contacts_worker USING (true) WITH CHECK (true);

-- == 0005
CREATE TABLE contact_tags (
    tenant_id  uuid NOT NULL,
    tag        text COLLATE "C" NOT NULL,
    owner_id   uuid NOT NULL,
    created_at timestamptz NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, tag, created_at, contact_id)
);
CREATE INDEX contact_tags_by_owner ON contact_tags (tenant_id, tag, owner_id, created_at, contact_id);

CREATE FUNCTION follow_contact_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM contact_tags t
         WHERE t.tenant_id = OLD.tenant_id AND t.tag = ANY (OLD.tags) AND t.created_at = OLD.created_at
           AND t.contact_id = OLD.id AND (NEW.deleted_at IS NOT NULL OR t.tag <> ALL (NEW.tags));
    END IF;
    IF NEW.deleted_at IS NULL THEN
        INSERT INTO contact_tags AS t (tenant_id, tag, owner_id, created_at, contact_id)
        SELECT NEW.tenant_id, given.tag, NEW.owner_id, NEW.created_at, NEW.id
          FROM (SELECT DISTINCT tag FROM unnest(NEW.tags) AS all_tags (tag)) AS given
        ON CONFLICT (tenant_id, tag, created_at, contact_id) DO UPDATE
           SET owner_id = excluded.owner_id
         WHERE t.owner_id <> excluded.owner_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER contacts_tagged AFTER INSERT ON contacts
    FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION follow_contact_tags();
CREATE TRIGGER contacts_tags_changed AFTER UPDATE OF tags, owner_id, deleted_at ON contacts
    FOR EACH ROW WHEN ((OLD.tags <> '{}' OR NEW.tags <> '{}')
                       AND (OLD.tags, OLD.owner_id, OLD.deleted_at IS NULL)
                           IS DISTINCT FROM (NEW.tags, NEW.owner_id, NEW.deleted_at IS NULL))
    EXECUTE FUNCTION follow_contact_tags();

-- FORCE binds the owner, who migrates, to the tenant that is set: none.
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
INSERT INTO contact_tags (tenant_id, tag, owner_id, created_at, contact_id)
SELECT DISTINCT r.tenant_id, given.tag, r.owner_id, r.created_at, r.id
  FROM contacts r CROSS JOIN LATERAL unnest(r.tags) AS given (tag)
 WHERE r.deleted_at IS NULL;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;;

ALTER TABLE contact_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE contact_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contact_tags
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON contact_tags TO contacts_worker USING (true) WITH CHECK (true);;

CREATE TABLE company_tags (
    tenant_id  uuid NOT NULL,
    tag        text COLLATE "C" NOT NULL,
    owner_id   uuid NOT NULL,
    created_at timestamptz NOT NULL,
    company_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, tag, created_at, company_id)
);
CREATE INDEX company_tags_by_owner ON company_tags (tenant_id, tag, owner_id, created_at, company_id);

CREATE FUNCTION follow_company_tags() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM company_tags t
         WHERE t.tenant_id = OLD.tenant_id AND t.tag = ANY (OLD.tags) AND t.created_at = OLD.created_at
           AND t.company_id = OLD.id AND (NEW.deleted_at IS NOT NULL OR t.tag <> ALL (NEW.tags));
    END IF;
    IF NEW.deleted_at IS NULL THEN
        INSERT INTO company_tags AS t (tenant_id, tag, owner_id, created_at, company_id)
        SELECT NEW.tenant_id, given.tag, NEW.owner_id, NEW.created_at, NEW.id
          FROM (SELECT DISTINCT tag FROM unnest(NEW.tags) AS all_tags (tag)) AS given
        ON CONFLICT (tenant_id, tag, created_at, company_id) DO UPDATE
           SET owner_id = excluded.owner_id
         WHERE t.owner_id <> excluded.owner_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER companies_tagged AFTER INSERT ON companies
    FOR EACH ROW WHEN (NEW.tags <> '{}') EXECUTE FUNCTION follow_company_tags();
CREATE TRIGGER companies_tags_changed AFTER UPDATE OF tags, owner_id, deleted_at ON companies
    FOR EACH ROW WHEN ((OLD.tags <> '{}' OR NEW.tags <> '{}')
                       AND (OLD.tags, OLD.owner_id, OLD.deleted_at IS NULL)
                           IS DISTINCT FROM (NEW.tags, NEW.owner_id, NEW.deleted_at IS NULL))
    EXECUTE FUNCTION follow_company_tags();

-- FORCE binds the owner, who migrates, to the tenant that is set: none.
ALTER TABLE companies NO FORCE ROW LEVEL SECURITY;
INSERT INTO company_tags (tenant_id, tag, owner_id, created_at, company_id)
SELECT DISTINCT r.tenant_id, given.tag, r.owner_id, r.created_at, r.id
  FROM companies r CROSS JOIN LATERAL unnest(r.tags) AS given (tag)
 WHERE r.deleted_at IS NULL;
ALTER TABLE companies FORCE ROW LEVEL SECURITY;;

ALTER TABLE company_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE company_tags FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON company_tags
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON company_tags TO contacts_worker USING (true) WITH CHECK (true);;

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

-- == 0006
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
CREATE INDEX duplicate_candidates_by_status ON duplicate_candidates (tenant_id, status, found_at, id);;

ALTER TABLE matching_profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE matching_profiles FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON matching_profiles
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON matching_profiles TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE matching_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE matching_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON matching_keys
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON matching_keys TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE matching_terms ENABLE ROW LEVEL SECURITY;
ALTER TABLE matching_terms FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON matching_terms
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON matching_terms TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE duplicate_candidates ENABLE ROW LEVEL SECURITY;
ALTER TABLE duplicate_candidates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON duplicate_candidates
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON duplicate_candidates TO contacts_worker USING (true) WITH CHECK (true);

-- == 0007
CREATE TABLE merges (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL,
    survivor_id      uuid NOT NULL,
    other_id         uuid NOT NULL,
    survivor_version bigint NOT NULL,  -- that the merge gave it: what is higher came later
    other_version    bigint NOT NULL,
    choices          jsonb NOT NULL,
    changed          jsonb,  -- of the survivor: what an undo gives back; null once undone or erased
    merged_at        timestamptz NOT NULL,
    merged_by        uuid,  -- null: the system
    undone_at        timestamptz,
    undone_by        uuid,
    PRIMARY KEY (tenant_id, id),
    CHECK (survivor_id <> other_id)
);
CREATE INDEX merges_by_time ON merges (tenant_id, merged_at, id);
CREATE INDEX merges_by_survivor ON merges (tenant_id, survivor_id, survivor_version);
CREATE INDEX merges_by_other ON merges (tenant_id, other_id, other_version);

ALTER TABLE contacts ADD CONSTRAINT contacts_merged_are_hidden CHECK (merged_into IS NULL OR deleted_at IS NOT NULL)
      NOT VALID;
ALTER TABLE contacts VALIDATE CONSTRAINT contacts_merged_are_hidden;;

ALTER TABLE merges ENABLE ROW LEVEL SECURITY;
ALTER TABLE merges FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON merges
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON merges TO contacts_worker USING (true) WITH CHECK (true);

-- == 0008
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
);;

DO $$ BEGIN
    EXECUTE format('GRANT TEMPORARY ON DATABASE %%I TO contacts_worker', current_database());
END $$;;

ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
ALTER TABLE imports FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON imports
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON imports TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE import_pieces ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_pieces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON import_pieces
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON import_pieces TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE import_errors ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_errors FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON import_errors
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON import_errors TO contacts_worker USING (true) WITH CHECK (true);;

ALTER TABLE import_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_chunks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON import_chunks
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON import_chunks TO contacts_worker USING (true) WITH CHECK (true);

-- == 0009
ALTER TABLE contacts ADD COLUMN erased_at timestamptz;
ALTER TABLE contacts DROP CONSTRAINT contacts_check;
ALTER TABLE contacts ADD CONSTRAINT contacts_named CHECK (
    erased_at IS NOT NULL OR coalesce(first_name, last_name, email, phone) IS NOT NULL
) NOT VALID;
-- Whoever restores, edits or imports over a shell finds that it takes nothing any more.
ALTER TABLE contacts ADD CONSTRAINT contacts_erased CHECK (
    erased_at IS NULL
    OR (deleted_at IS NOT NULL AND tags = '{}' AND custom_data = '{}' AND shares = '[]'
        AND coalesce(first_name, last_name, email, phone, phone_e164, job_title, source, external_id) IS NULL
        AND company_id IS NULL)
) NOT VALID;
ALTER TABLE contacts VALIDATE CONSTRAINT contacts_named;
ALTER TABLE contacts VALIDATE CONSTRAINT contacts_erased;

-- An erasure takes in whoever was merged into the contact.
CREATE INDEX contacts_by_survivor ON contacts (tenant_id, merged_into) WHERE merged_into IS NOT NULL;;

CREATE TABLE erasure_echoes (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    told      integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX erasure_echoes_by_age ON erasure_echoes (erased_at);

ALTER TABLE erasure_echoes ENABLE ROW LEVEL SECURITY;
ALTER TABLE erasure_echoes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON erasure_echoes
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON erasure_echoes TO contacts_worker USING (true) WITH CHECK (true);

-- == 0010
-- Who takes over the records of a user who left, and who said so (null: not known here).
ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
    WHERE NOT active AND successor_id IS NOT NULL;

-- == 0011
SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'companies', 'name': 'companies_in_time'};

ALTER TABLE companies ADD CONSTRAINT companies_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE companies VALIDATE CONSTRAINT companies_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'contacts', 'name': 'contacts_in_time'};

ALTER TABLE contacts ADD CONSTRAINT contacts_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND erased_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE contacts VALIDATE CONSTRAINT contacts_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'company_tags', 'name': 'company_tags_in_time'};

ALTER TABLE company_tags ADD CONSTRAINT company_tags_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE company_tags VALIDATE CONSTRAINT company_tags_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'contact_tags', 'name': 'contact_tags_in_time'};

ALTER TABLE contact_tags ADD CONSTRAINT contact_tags_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE contact_tags VALIDATE CONSTRAINT contact_tags_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'custom_fields', 'name': 'custom_fields_in_time'};

ALTER TABLE custom_fields ADD CONSTRAINT custom_fields_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE custom_fields VALIDATE CONSTRAINT custom_fields_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_tenants', 'name': 'directory_tenants_in_time'};

ALTER TABLE directory_tenants ADD CONSTRAINT directory_tenants_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_tenants VALIDATE CONSTRAINT directory_tenants_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_users', 'name': 'directory_users_in_time'};

ALTER TABLE directory_users ADD CONSTRAINT directory_users_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_users VALIDATE CONSTRAINT directory_users_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'duplicate_candidates', 'name': 'duplicate_candidates_in_time'};

ALTER TABLE duplicate_candidates ADD CONSTRAINT duplicate_candidates_in_time CHECK (found_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND decided_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE duplicate_candidates VALIDATE CONSTRAINT duplicate_candidates_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'erasure_echoes', 'name': 'erasure_echoes_in_time'};

ALTER TABLE erasure_echoes ADD CONSTRAINT erasure_echoes_in_time CHECK (erased_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE erasure_echoes VALIDATE CONSTRAINT erasure_echoes_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'idempotency_keys', 'name': 'idempotency_keys_in_time'};

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE idempotency_keys VALIDATE CONSTRAINT idempotency_keys_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'import_chunks', 'name': 'import_chunks_in_time'};

ALTER TABLE import_chunks ADD CONSTRAINT import_chunks_in_time CHECK (written_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND reverted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE import_chunks VALIDATE CONSTRAINT import_chunks_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'import_pieces', 'name': 'import_pieces_in_time'};

ALTER TABLE import_pieces ADD CONSTRAINT import_pieces_in_time CHECK (stored_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE import_pieces VALIDATE CONSTRAINT import_pieces_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'imports', 'name': 'imports_in_time'};

ALTER TABLE imports ADD CONSTRAINT imports_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND started_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND finished_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE imports VALIDATE CONSTRAINT imports_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'merges', 'name': 'merges_in_time'};

ALTER TABLE merges ADD CONSTRAINT merges_in_time CHECK (merged_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND undone_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE merges VALIDATE CONSTRAINT merges_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'record_changes', 'name': 'record_changes_in_time'};

ALTER TABLE record_changes ADD CONSTRAINT record_changes_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE record_changes VALIDATE CONSTRAINT record_changes_in_time

-- == 0012
ALTER TABLE imports ADD COLUMN IF NOT EXISTS waits_for text;

ALTER TABLE imports ADD COLUMN IF NOT EXISTS turned_at timestamptz;

ALTER TABLE imports DROP CONSTRAINT IF EXISTS imports_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'imports', 'name': 'imports_in_time'};

ALTER TABLE imports ADD CONSTRAINT imports_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND started_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND finished_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND turned_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE imports VALIDATE CONSTRAINT imports_in_time

-- == 0013
CREATE COLLATION IF NOT EXISTS people_order (provider = icu, locale = 'und');
CREATE COLLATION IF NOT EXISTS base_letters (provider = icu, locale = 'und-u-ks-level1', deterministic = false);;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_name_new;

CREATE INDEX CONCURRENTLY contacts_by_name_new ON contacts (tenant_id, name_key COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_name;

ALTER INDEX contacts_by_name_new RENAME TO contacts_by_name;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_surname_new;

CREATE INDEX CONCURRENTLY contacts_by_surname_new ON contacts (tenant_id, surname_key COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_surname;

ALTER INDEX contacts_by_surname_new RENAME TO contacts_by_surname;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_owner_name_new;

CREATE INDEX CONCURRENTLY contacts_by_owner_name_new ON contacts (tenant_id, owner_id, name_key COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_owner_name;

ALTER INDEX contacts_by_owner_name_new RENAME TO contacts_by_owner_name;

DROP INDEX CONCURRENTLY IF EXISTS companies_by_name_new;

CREATE INDEX CONCURRENTLY companies_by_name_new ON companies (tenant_id, name_key COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS companies_by_name;

ALTER INDEX companies_by_name_new RENAME TO companies_by_name;

DROP INDEX CONCURRENTLY IF EXISTS companies_by_owner_name_new;

CREATE INDEX CONCURRENTLY companies_by_owner_name_new ON companies (tenant_id, owner_id, name_key COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS companies_by_owner_name;

ALTER INDEX companies_by_owner_name_new RENAME TO companies_by_owner_name;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_accented_email_new;

CREATE INDEX CONCURRENTLY contacts_by_accented_email_new ON contacts (tenant_id, email_key COLLATE people_order) WHERE deleted_at IS NULL AND octet_length(email_key) > char_length(email_key);

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_accented_email;

ALTER INDEX contacts_by_accented_email_new RENAME TO contacts_by_accented_email;

DROP INDEX CONCURRENTLY IF EXISTS companies_by_accented_domain_new;

CREATE INDEX CONCURRENTLY companies_by_accented_domain_new ON companies (tenant_id, domain COLLATE people_order) WHERE deleted_at IS NULL AND octet_length(domain) > char_length(domain);

DROP INDEX CONCURRENTLY IF EXISTS companies_by_accented_domain;

ALTER INDEX companies_by_accented_domain_new RENAME TO companies_by_accented_domain

-- == 0014
ALTER TABLE imports ADD COLUMN IF NOT EXISTS options jsonb NOT NULL DEFAULT '{}';

ALTER TABLE import_chunks ADD COLUMN IF NOT EXISTS entity_type text;

ALTER TABLE imports ADD COLUMN IF NOT EXISTS warnings jsonb NOT NULL DEFAULT '[]'

-- == 0015
CREATE TABLE IF NOT EXISTS import_taken_rows (
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,  -- the import whose errors file names the row
    line      bigint NOT NULL,
    import_id uuid NOT NULL,  -- the one that took it
    PRIMARY KEY (tenant_id, source_id, line)
);
CREATE INDEX IF NOT EXISTS import_taken_rows_by_import ON import_taken_rows (tenant_id, import_id);;

ALTER TABLE import_taken_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_taken_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON import_taken_rows
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON import_taken_rows TO contacts_worker USING (true) WITH CHECK (true);

-- == 0016
CREATE TABLE matching_lessons (
    tenant_id    uuid PRIMARY KEY,
    lessons      jsonb NOT NULL,
    contacts     bigint NOT NULL,  -- how many there were when it was learnt
    fields       text[] NOT NULL,  -- custom fields used for matching then
    review_after uuid,             -- contacts above this id are to be looked at again; null: none
    passes       integer NOT NULL  -- reviews since the tenant grew: what they found is learnt from once more
);

ALTER TABLE matching_lessons ENABLE ROW LEVEL SECURITY;
ALTER TABLE matching_lessons FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON matching_lessons
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON matching_lessons TO contacts_worker USING (true) WITH CHECK (true);

-- == 0017
CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(289143608140) THEN
        PERFORM pg_catalog.pg_notify('crm_outbox', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes_relay AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION wake_relay();

-- == 0018
CREATE TABLE bulk_backlog (
    is_only     boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    asked_at    timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    measured_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    records     bigint      NOT NULL DEFAULT 0,
    slowest     text        NOT NULL DEFAULT ''
);
INSERT INTO bulk_backlog DEFAULT VALUES;;

ALTER TABLE bulk_backlog ADD CONSTRAINT bulk_backlog_in_time CHECK (asked_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND measured_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');
