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
    CREATE POLICY worker_sees_all ON directory_tenants TO search_worker USING (true) WITH CHECK (true);

    ALTER TABLE directory_users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_users FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_users
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_users TO search_worker USING (true) WITH CHECK (true);

    ALTER TABLE visible_owners ENABLE ROW LEVEL SECURITY;
    ALTER TABLE visible_owners FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON visible_owners
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON visible_owners TO search_worker USING (true) WITH CHECK (true);;

CREATE TABLE search_records (
    tenant_id        uuid NOT NULL,
    type             text NOT NULL CHECK (type IN ('contact', 'company', 'deal', 'activity', 'pipeline')),
    id               uuid NOT NULL,
    version          bigint NOT NULL,
    state            jsonb NOT NULL,
    face             jsonb NOT NULL,  -- what documents of other records show of this one
    is_hidden        boolean NOT NULL,
    contact_id       uuid,
    company_id       uuid,
    deal_id          uuid,
    pipeline_id      uuid,
    revision         bigint NOT NULL,  -- the document's version: rises with all that changes the document
    indexed_revision bigint NOT NULL,  -- how far the index has it; below `revision` the row is dirty
    rejection        text,             -- why the index would not have this revision
    spread_after     uuid,             -- documents that refer to this row are yet to be marked, from this id on
    PRIMARY KEY (tenant_id, type, id)
);
CREATE INDEX search_records_dirty ON search_records (tenant_id, type, id) WHERE indexed_revision < revision;
CREATE INDEX search_records_spreading ON search_records (tenant_id, type, id) WHERE spread_after IS NOT NULL;
CREATE INDEX search_records_by_contact ON search_records (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;
CREATE INDEX search_records_by_company ON search_records (tenant_id, company_id, id) WHERE company_id IS NOT NULL;
CREATE INDEX search_records_by_deal ON search_records (tenant_id, deal_id, id) WHERE deal_id IS NOT NULL;
CREATE INDEX search_records_by_pipeline ON search_records (tenant_id, pipeline_id, id)
 WHERE pipeline_id IS NOT NULL;;

ALTER TABLE search_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON search_records
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON search_records TO search_worker USING (true) WITH CHECK (true);

-- == 0002
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
    CREATE POLICY worker_sees_all ON contact_shares TO search_worker USING (true) WITH CHECK (true);

-- == 0003
CREATE TABLE erased_traces (
    tenant_id uuid NOT NULL,
    type      text NOT NULL,
    id        uuid NOT NULL,
    noted_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, type, id)
);;

ALTER TABLE erased_traces ENABLE ROW LEVEL SECURITY;
ALTER TABLE erased_traces FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON erased_traces
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON erased_traces TO search_worker USING (true) WITH CHECK (true);

-- == 0004
-- Who takes over the records of a user who left, and who said so (null: not known here).
ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
    WHERE NOT active AND successor_id IS NOT NULL;

-- == 0005
SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_tenants', 'name': 'directory_tenants_in_time'};

ALTER TABLE directory_tenants ADD CONSTRAINT directory_tenants_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_tenants VALIDATE CONSTRAINT directory_tenants_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_users', 'name': 'directory_users_in_time'};

ALTER TABLE directory_users ADD CONSTRAINT directory_users_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_users VALIDATE CONSTRAINT directory_users_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'erased_traces', 'name': 'erased_traces_in_time'};

ALTER TABLE erased_traces ADD CONSTRAINT erased_traces_in_time CHECK (noted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE erased_traces VALIDATE CONSTRAINT erased_traces_in_time

-- == 0006
CREATE TABLE document_rewrites (
    tenant_id  uuid PRIMARY KEY,
    form       text NOT NULL,  -- the index, and what its documents hold
    after_type text NOT NULL,  -- written again up to this record
    after_id   uuid NOT NULL,
    done_at    timestamptz
);
CREATE INDEX document_rewrites_open ON document_rewrites (tenant_id) WHERE done_at IS NULL;;

ALTER TABLE document_rewrites ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_rewrites FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON document_rewrites
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON document_rewrites TO search_worker USING (true) WITH CHECK (true);;

ALTER TABLE document_rewrites ADD CONSTRAINT document_rewrites_in_time CHECK (done_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');

-- == 0007
CREATE TABLE activity_contacts (
    tenant_id   uuid NOT NULL,
    activity_id uuid NOT NULL,
    contact_id  uuid NOT NULL,
    number      integer NOT NULL,  -- in their order, from 2
    PRIMARY KEY (tenant_id, activity_id, contact_id)
);
CREATE INDEX activity_contacts_by_contact ON activity_contacts (tenant_id, contact_id, activity_id);;

ALTER TABLE activity_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activity_contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activity_contacts TO search_worker USING (true) WITH CHECK (true);

-- == 0008
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
CREATE POLICY tenant_isolation ON search_indexes USING (true) WITH CHECK (true);;

ALTER TABLE search_indexes ADD CONSTRAINT search_indexes_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

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
);;

ALTER TABLE index_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE index_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON index_parts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON index_parts TO search_worker USING (true) WITH CHECK (true);;

ALTER TABLE index_parts ADD CONSTRAINT index_parts_in_time CHECK (filled_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND compared_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

DROP TABLE document_rewrites

-- == 0009
ALTER TABLE search_records ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'search_records', 'name': 'search_records_in_time'};

ALTER TABLE search_records ADD CONSTRAINT search_records_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE search_records VALIDATE CONSTRAINT search_records_in_time

-- == 0010
CREATE TABLE former_contacts (
    tenant_id   uuid NOT NULL,
    contact_id  uuid NOT NULL,
    survivor_id uuid NOT NULL,
    is_over     boolean NOT NULL DEFAULT false,  -- undone, or merged into another meanwhile
    PRIMARY KEY (tenant_id, contact_id, survivor_id)
);
CREATE INDEX former_contacts_by_survivor ON former_contacts (tenant_id, survivor_id, contact_id);;

ALTER TABLE former_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE former_contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON former_contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON former_contacts TO search_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_fills ON search_records TO CURRENT_USER USING (true) WITH CHECK (true);

CREATE POLICY owner_fills ON former_contacts TO CURRENT_USER USING (true) WITH CHECK (true);

INSERT INTO former_contacts (tenant_id, contact_id, survivor_id)
SELECT tenant_id, id, (state ->> 'merged_into')::uuid
  FROM search_records
 WHERE type = 'contact' AND is_hidden AND state ->> 'merged_into' IS NOT NULL;

UPDATE search_records
   SET face = face || jsonb_build_object('former', jsonb_build_object(
           'first_name', state -> 'first_name', 'last_name', state -> 'last_name', 'email', state -> 'email',
           'phone', state -> 'phone', 'phone_e164', state -> 'phone_e164', 'merged_into', state -> 'merged_into'))
 WHERE type = 'contact' AND is_hidden AND state ->> 'merged_into' IS NOT NULL;

DROP POLICY owner_fills ON search_records;

DROP POLICY owner_fills ON former_contacts

-- == 0011
-- All that a tenant has set, as its newest event said. Null: not heard since this column came.
ALTER TABLE directory_tenants ADD COLUMN state jsonb;
