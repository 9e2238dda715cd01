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
    CREATE POLICY worker_sees_all ON directory_tenants TO activities_worker USING (true) WITH CHECK (true);

    ALTER TABLE directory_users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_users FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_users
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_users TO activities_worker USING (true) WITH CHECK (true);

    ALTER TABLE visible_owners ENABLE ROW LEVEL SECURITY;
    ALTER TABLE visible_owners FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON visible_owners
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON visible_owners TO activities_worker USING (true) WITH CHECK (true);;

CREATE TABLE replica_records (
    tenant_id  uuid NOT NULL,
    aggregate  text NOT NULL CHECK (aggregate IN ('contact', 'company', 'deal')),
    id         uuid NOT NULL,
    version    bigint NOT NULL,
    name       text NOT NULL,
    owner_id   uuid,
    company_id uuid,
    contact_id uuid,
    is_deleted boolean NOT NULL,
    merged_into uuid,
    PRIMARY KEY (tenant_id, aggregate, id)
);
CREATE INDEX replica_records_by_owner ON replica_records (tenant_id, aggregate, owner_id);

ALTER TABLE replica_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE replica_records FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON replica_records
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON replica_records TO activities_worker USING (true) WITH CHECK (true);;

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
CREATE POLICY worker_sees_all ON idempotency_keys TO activities_worker USING (true) WITH CHECK (true);;

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

CREATE TABLE activities (
    tenant_id           uuid NOT NULL,
    id                  uuid NOT NULL,
    version             bigint NOT NULL,
    type                text NOT NULL CHECK (type IN ('EMAIL', 'CALL', 'MEETING', 'NOTE', 'TASK')),
    contact_id          uuid,
    original_contact_id uuid,
    deal_id             uuid,
    user_id             uuid,  -- null: the system's, of what no user did
    subject             text,
    body                text,
    scheduled_at        timestamptz,
    completed_at        timestamptz,
    occurred_at         timestamptz NOT NULL,
    direction           text CHECK (direction IN ('INBOUND', 'OUTBOUND')),
    in_reply_to         uuid,
    duration_s          integer CHECK (duration_s >= 0),
    external_id         text,
    system              boolean NOT NULL,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    deleted_at          timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, in_reply_to) REFERENCES activities (tenant_id, id),
    CHECK (user_id IS NOT NULL OR system),
    CHECK (direction IS NULL OR type IN ('EMAIL', 'CALL')),
    CHECK (duration_s IS NULL OR type IN ('CALL', 'MEETING')),
    CHECK ((scheduled_at IS NULL AND completed_at IS NULL) OR type IN ('TASK', 'MEETING'))
);
-- The timelines.
CREATE INDEX activities_by_contact ON activities (tenant_id, contact_id, occurred_at, id)
    WHERE deleted_at IS NULL AND contact_id IS NOT NULL;
CREATE INDEX activities_by_deal ON activities (tenant_id, deal_id, occurred_at, id)
    WHERE deleted_at IS NULL AND deal_id IS NOT NULL;
-- The lists.
CREATE INDEX activities_by_created ON activities (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_by_updated ON activities (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_by_occurred ON activities (tenant_id, occurred_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_by_user ON activities (tenant_id, user_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX activities_by_external_id ON activities (tenant_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX activities_by_answered ON activities (tenant_id, in_reply_to) WHERE in_reply_to IS NOT NULL;;

ALTER TABLE activities ENABLE ROW LEVEL SECURITY;
ALTER TABLE activities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activities
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activities TO activities_worker USING (true) WITH CHECK (true);

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
    CREATE POLICY worker_sees_all ON contact_shares TO activities_worker USING (true) WITH CHECK (true);;

CREATE INDEX replica_records_by_contact ON replica_records (tenant_id, contact_id) WHERE contact_id IS NOT NULL;

-- == 0003
ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS merged_into uuid;
CREATE INDEX replica_records_by_merged ON replica_records (tenant_id, merged_into) WHERE merged_into IS NOT NULL;;

CREATE INDEX activities_by_original_contact ON activities (tenant_id, original_contact_id)
 WHERE original_contact_id IS NOT NULL;

-- == 0004
ALTER TABLE activities ADD COLUMN erased_at timestamptz;
ALTER TABLE activities ADD CONSTRAINT activities_erased CHECK (
    erased_at IS NULL OR coalesce(subject, body, external_id) IS NULL
) NOT VALID;
ALTER TABLE activities VALIDATE CONSTRAINT activities_erased;

-- Deleted ones hold texts too, and the timelines' index leaves them out.
CREATE INDEX activities_deleted_by_contact ON activities (tenant_id, contact_id, id)
 WHERE deleted_at IS NOT NULL AND contact_id IS NOT NULL;;

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
CREATE POLICY worker_sees_all ON erasure_echoes TO activities_worker USING (true) WITH CHECK (true);

-- == 0005
-- Who takes over the records of a user who left, and who said so (null: not known here).
ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
    WHERE NOT active AND successor_id IS NOT NULL;;

CREATE INDEX activities_to_do_by_user ON activities (tenant_id, user_id, created_at, id)
    WHERE deleted_at IS NULL AND completed_at IS NULL AND type IN ('TASK', 'MEETING');

-- == 0006
SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'activities', 'name': 'activities_in_time'};

ALTER TABLE activities ADD CONSTRAINT activities_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND scheduled_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND completed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND erased_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE activities VALIDATE CONSTRAINT activities_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_tenants', 'name': 'directory_tenants_in_time'};

ALTER TABLE directory_tenants ADD CONSTRAINT directory_tenants_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_tenants VALIDATE CONSTRAINT directory_tenants_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_users', 'name': 'directory_users_in_time'};

ALTER TABLE directory_users ADD CONSTRAINT directory_users_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_users VALIDATE CONSTRAINT directory_users_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'erasure_echoes', 'name': 'erasure_echoes_in_time'};

ALTER TABLE erasure_echoes ADD CONSTRAINT erasure_echoes_in_time CHECK (erased_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE erasure_echoes VALIDATE CONSTRAINT erasure_echoes_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'idempotency_keys', 'name': 'idempotency_keys_in_time'};

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE idempotency_keys VALIDATE CONSTRAINT idempotency_keys_in_time

-- == 0007
ALTER TABLE activities ADD COLUMN IF NOT EXISTS deal_version bigint NOT NULL DEFAULT 0;

DROP POLICY IF EXISTS owner_numbers ON activities;

CREATE POLICY owner_numbers ON activities TO CURRENT_USER USING (true) WITH CHECK (true);

SELECT tenant_id, deal_id, array_agg(id) AS ids
  FROM activities
 WHERE system AND deal_id IS NOT NULL
 GROUP BY tenant_id, deal_id, occurred_at
HAVING count(*) > 1;

DROP POLICY owner_numbers ON activities;

DROP INDEX CONCURRENTLY IF EXISTS activities_in_contacts_timeline_new;

CREATE INDEX CONCURRENTLY activities_in_contacts_timeline_new ON activities (tenant_id, contact_id, occurred_at, deal_version, id) WHERE deleted_at IS NULL AND contact_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_in_contacts_timeline;

ALTER INDEX activities_in_contacts_timeline_new RENAME TO activities_in_contacts_timeline;

DROP INDEX CONCURRENTLY IF EXISTS activities_in_deals_timeline_new;

CREATE INDEX CONCURRENTLY activities_in_deals_timeline_new ON activities (tenant_id, deal_id, occurred_at, deal_version, id) WHERE deleted_at IS NULL AND deal_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_in_deals_timeline;

ALTER INDEX activities_in_deals_timeline_new RENAME TO activities_in_deals_timeline;

DROP INDEX CONCURRENTLY IF EXISTS activities_by_contact;

DROP INDEX CONCURRENTLY IF EXISTS activities_by_deal

-- == 0008
ALTER TABLE activities
    ADD COLUMN contact_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN original_contact_ids uuid[] NOT NULL DEFAULT '{}',
    ADD COLUMN scheduled_on date,
    ADD COLUMN remind_at timestamptz,
    ADD COLUMN reminded_at timestamptz,
    ADD COLUMN outcome text,
    ADD COLUMN location text,
    ADD COLUMN priority text,
    ADD COLUMN message_id text,
    ADD COLUMN reference_ids text[] NOT NULL DEFAULT '{}',
    ADD COLUMN is_automatic boolean NOT NULL DEFAULT false,
    ADD COLUMN thread_id uuid,
    ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN recurrence jsonb,
    ADD COLUMN series_id uuid,
    ADD COLUMN recurrence_id text,
    ADD COLUMN system_kind text,
    ADD COLUMN facts jsonb;;

ALTER TABLE activities ADD CONSTRAINT activities_fields_fit CHECK (
        (outcome IS NULL OR type = 'CALL') AND (location IS NULL OR type = 'MEETING')
        AND (priority IS NULL OR type = 'TASK')
        AND ((scheduled_on IS NULL AND recurrence IS NULL) OR type IN ('TASK', 'MEETING'))
        AND (scheduled_on IS NULL OR scheduled_at IS NULL)
        AND (type = 'EMAIL' OR (message_id IS NULL AND reference_ids = '{}' AND NOT is_automatic AND thread_id IS NULL))
    ) NOT VALID;

ALTER TABLE activities ADD CONSTRAINT activities_values CHECK (
        outcome IN ('CONNECTED', 'NO_ANSWER', 'VOICEMAIL', 'BUSY', 'WRONG_NUMBER')
        AND priority IN ('LOW', 'NORMAL', 'HIGH')
    ) NOT VALID;

ALTER TABLE activities ADD CONSTRAINT activities_fields_erased CHECK (
        erased_at IS NULL OR (coalesce(location, message_id) IS NULL AND reference_ids = '{}' AND attachments = '[]')
    ) NOT VALID;

ALTER TABLE activities VALIDATE CONSTRAINT activities_fields_fit;

ALTER TABLE activities VALIDATE CONSTRAINT activities_values;

ALTER TABLE activities VALIDATE CONSTRAINT activities_fields_erased;

ALTER TABLE activities ADD CONSTRAINT activities_in_time_too CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND scheduled_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND completed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND erased_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND scheduled_on BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND remind_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND reminded_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;
ALTER TABLE activities VALIDATE CONSTRAINT activities_in_time_too;
ALTER TABLE activities DROP CONSTRAINT activities_in_time;
ALTER TABLE activities RENAME CONSTRAINT activities_in_time_too TO activities_in_time;;

CREATE TABLE activity_contacts (
    tenant_id    uuid NOT NULL,
    contact_id   uuid NOT NULL,
    activity_id  uuid NOT NULL,
    type         text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    deal_version bigint NOT NULL,
    is_current   boolean NOT NULL,
    is_deleted   boolean NOT NULL,
    PRIMARY KEY (tenant_id, activity_id, contact_id)
);
CREATE INDEX activity_contacts_in_timeline
    ON activity_contacts (tenant_id, contact_id, occurred_at, deal_version, activity_id) INCLUDE (type)
 WHERE is_current AND NOT is_deleted;
CREATE INDEX activity_contacts_in_no_timeline ON activity_contacts (tenant_id, contact_id, activity_id)
 WHERE NOT is_current OR is_deleted;;

ALTER TABLE activity_contacts ADD CONSTRAINT activity_contacts_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE activity_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activity_contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activity_contacts TO activities_worker USING (true) WITH CHECK (true);;

CREATE FUNCTION take_one_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.contact_ids := CASE WHEN NEW.contact_id IS NULL THEN '{}' ELSE ARRAY[NEW.contact_id] END;
    NEW.original_contact_ids :=
        CASE WHEN NEW.original_contact_id IS NULL THEN '{}' ELSE ARRAY[NEW.original_contact_id] END;
    RETURN NEW;
END $$;

CREATE TRIGGER activities_take_one_contact BEFORE INSERT OR UPDATE ON activities
   FOR EACH ROW WHEN (NEW.contact_id IS DISTINCT FROM NEW.contact_ids[1]) EXECUTE FUNCTION take_one_contact();

CREATE FUNCTION link_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO activity_contacts
           (tenant_id, contact_id, activity_id, type, occurred_at, deal_version, is_current, is_deleted)
    SELECT n.tenant_id, given.contact_id, n.id, n.type, n.occurred_at, n.deal_version,
           given.contact_id = ANY (n.contact_ids), n.deleted_at IS NOT NULL
      FROM new_rows n
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(n.contact_ids || n.original_contact_ids)) AS given (contact_id);
    RETURN NULL;
END $$;

CREATE TRIGGER activities_link_contacts AFTER INSERT ON activities
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION link_contacts();

CREATE FUNCTION relink_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed uuid[];
BEGIN
    SELECT array_agg(n.id) INTO changed
      FROM new_rows n
      JOIN old_rows o USING (tenant_id, id)
     WHERE (o.contact_ids, o.original_contact_ids, o.type, o.occurred_at, o.deal_version, o.deleted_at IS NULL)
        IS DISTINCT FROM
           (n.contact_ids, n.original_contact_ids, n.type, n.occurred_at, n.deal_version, n.deleted_at IS NULL);
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM activity_contacts l
     USING new_rows n
     WHERE n.id = ANY (changed) AND l.tenant_id = n.tenant_id AND l.activity_id = n.id
       AND l.contact_id <> ALL (n.contact_ids || n.original_contact_ids);
    INSERT INTO activity_contacts
           (tenant_id, contact_id, activity_id, type, occurred_at, deal_version, is_current, is_deleted)
    SELECT n.tenant_id, given.contact_id, n.id, n.type, n.occurred_at, n.deal_version,
           given.contact_id = ANY (n.contact_ids), n.deleted_at IS NOT NULL
      FROM new_rows n
     CROSS JOIN LATERAL (SELECT DISTINCT unnest(n.contact_ids || n.original_contact_ids)) AS given (contact_id)
     WHERE n.id = ANY (changed)
    ON CONFLICT (tenant_id, activity_id, contact_id) DO UPDATE
       SET type = excluded.type, occurred_at = excluded.occurred_at, deal_version = excluded.deal_version,
           is_current = excluded.is_current, is_deleted = excluded.is_deleted;
    RETURN NULL;
END $$;

CREATE TRIGGER activities_relink_contacts AFTER UPDATE ON activities
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION relink_contacts();

-- == 0009
DROP POLICY IF EXISTS owner_links ON activities;

CREATE POLICY owner_links ON activities TO CURRENT_USER USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS owner_links ON activity_contacts;

CREATE POLICY owner_links ON activity_contacts TO CURRENT_USER USING (true) WITH CHECK (true);

WITH page AS (
        SELECT tenant_id, id FROM activities WHERE (tenant_id, id) > (%(tenant_id)s, %(id)s) ORDER BY tenant_id, id LIMIT 2000
    ), filled AS (
        UPDATE activities a
           SET contact_ids = ARRAY[a.contact_id],
               original_contact_ids =
                   CASE WHEN a.original_contact_id IS NULL THEN '{}' ELSE ARRAY[a.original_contact_id] END
          FROM page p
         WHERE a.tenant_id = p.tenant_id AND a.id = p.id AND a.contact_id IS NOT NULL AND a.contact_ids = '{}'
    )
    SELECT tenant_id, id FROM page ORDER BY tenant_id DESC, id DESC LIMIT 1

-- with {'tenant_id': UUID('00000000-0000-0000-0000-000000000000'), 'id': UUID('00000000-0000-0000-0000-000000000000')};

DROP POLICY IF EXISTS owner_links ON activities;

DROP POLICY IF EXISTS owner_links ON activity_contacts;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_company_new;

CREATE INDEX CONCURRENTLY replica_records_by_company_new ON replica_records (tenant_id, company_id) WHERE company_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_company;

ALTER INDEX replica_records_by_company_new RENAME TO replica_records_by_company;

DROP INDEX activities_in_contacts_timeline;
DROP INDEX activities_deleted_by_contact;
DROP INDEX activities_by_original_contact;

-- == 0010
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
END $$;;

ALTER TABLE record_changes ADD CONSTRAINT record_changes_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE activities ADD COLUMN external_id_repeated boolean NOT NULL DEFAULT false;

CREATE FUNCTION forget_repetition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.external_id_repeated := false;
    RETURN NEW;
END $$;

CREATE TRIGGER activities_external_id_given BEFORE UPDATE ON activities
   FOR EACH ROW WHEN (OLD.external_id_repeated AND NEW.external_id IS DISTINCT FROM OLD.external_id)
   EXECUTE FUNCTION forget_repetition();

-- == 0011
DROP POLICY IF EXISTS owner_marks ON activities;

CREATE POLICY owner_marks ON activities TO CURRENT_USER USING (true) WITH CHECK (true);

LOCK TABLE activities IN SHARE ROW EXCLUSIVE MODE;

UPDATE activities a
   SET external_id_repeated = true
  FROM (SELECT tenant_id, id,
               row_number() OVER (PARTITION BY tenant_id, external_id ORDER BY created_at, id) AS place
          FROM activities
         WHERE external_id IS NOT NULL AND deleted_at IS NULL) AS named
 WHERE a.tenant_id = named.tenant_id AND a.id = named.id AND named.place > 1;

CREATE UNIQUE INDEX IF NOT EXISTS activities_one_external_id ON activities (tenant_id, external_id)
 WHERE deleted_at IS NULL AND external_id IS NOT NULL AND NOT external_id_repeated;

DROP POLICY IF EXISTS owner_marks ON activities

-- == 0012
DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_by_time_new;

CREATE INDEX CONCURRENTLY activities_open_tasks_by_time_new ON 
        activities (tenant_id, user_id, scheduled_at, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_by_time;

ALTER INDEX activities_open_tasks_by_time_new RENAME TO activities_open_tasks_by_time;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_by_day_new;

CREATE INDEX CONCURRENTLY activities_open_tasks_by_day_new ON 
        activities (tenant_id, user_id, scheduled_on, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_on IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_by_day;

ALTER INDEX activities_open_tasks_by_day_new RENAME TO activities_open_tasks_by_day;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_undated_new;

CREATE INDEX CONCURRENTLY activities_open_tasks_undated_new ON 
        activities (tenant_id, user_id, created_at, id)
     WHERE type = 'TASK' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NULL
       AND scheduled_on IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_tasks_undated;

ALTER INDEX activities_open_tasks_undated_new RENAME TO activities_open_tasks_undated

-- == 0013
CREATE FUNCTION message_key(tenant_id uuid, message_id text) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN encode(substr(sha256(convert_to(tenant_id::text || btrim(message_id, ' <>'), 'UTF8')), 1, 16), 'hex')::uuid;

CREATE TABLE thread_links (
    tenant_id   uuid NOT NULL,
    key         uuid NOT NULL,
    position    integer NOT NULL,
    activity_id uuid NOT NULL,
    PRIMARY KEY (activity_id, position, tenant_id)
);
CREATE INDEX thread_links_by_key ON thread_links (key, position, activity_id, tenant_id);;

ALTER TABLE thread_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE thread_links FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON thread_links
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON thread_links TO activities_worker USING (true) WITH CHECK (true);;

CREATE FUNCTION take_no_thread() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.thread_id := CASE WHEN NEW.type = 'EMAIL' THEN coalesce(
        (SELECT a.thread_id FROM activities a WHERE a.tenant_id = NEW.tenant_id AND a.id = NEW.in_reply_to), NEW.id
    ) END;
    RETURN NEW;
END $$;

CREATE TRIGGER activities_take_no_thread BEFORE INSERT OR UPDATE ON activities
   FOR EACH ROW WHEN ((NEW.type = 'EMAIL') <> (NEW.thread_id IS NOT NULL)) EXECUTE FUNCTION take_no_thread();

CREATE FUNCTION link_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO thread_links (tenant_id, key, position, activity_id)
    SELECT named.tenant_id, named.key, max(named.position), named.id
      FROM (SELECT n.tenant_id, n.id, n.message_id, given.position,
                   message_key(n.tenant_id, given.message_id) AS key
              FROM new_rows n
             CROSS JOIN LATERAL unnest(n.reference_ids) WITH ORDINALITY AS given (message_id, position)) AS named
     WHERE named.key IS DISTINCT FROM message_key(named.tenant_id, named.message_id)
     GROUP BY named.tenant_id, named.id, named.key
    UNION ALL
    SELECT n.tenant_id, message_key(n.tenant_id, n.message_id), 0, n.id
      FROM new_rows n
     WHERE n.message_id IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION relink_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM thread_links l WHERE l.tenant_id = NEW.tenant_id AND l.activity_id = NEW.id;
    INSERT INTO thread_links (tenant_id, key, position, activity_id)
    SELECT NEW.tenant_id, named.key, max(named.position), NEW.id
      FROM (SELECT message_key(NEW.tenant_id, given.message_id) AS key, given.position
              FROM unnest(NEW.reference_ids) WITH ORDINALITY AS given (message_id, position)) AS named
     WHERE named.key IS DISTINCT FROM message_key(NEW.tenant_id, NEW.message_id)
     GROUP BY named.key
    UNION ALL
    SELECT NEW.tenant_id, message_key(NEW.tenant_id, NEW.message_id), 0, NEW.id
     WHERE NEW.message_id IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER activities_link_messages AFTER INSERT ON activities
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION link_messages();
CREATE TRIGGER activities_relink_messages AFTER UPDATE ON activities
   FOR EACH ROW WHEN (
       NEW.erased_at IS NULL
       AND (OLD.message_id, OLD.reference_ids) IS DISTINCT FROM (NEW.message_id, NEW.reference_ids)
   ) EXECUTE FUNCTION relink_messages();

-- == 0014
DROP INDEX CONCURRENTLY IF EXISTS activities_in_thread;

CREATE INDEX CONCURRENTLY activities_in_thread ON activities (tenant_id, thread_id, occurred_at, id)
 WHERE thread_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_one_message;

CREATE UNIQUE INDEX CONCURRENTLY activities_one_message
    ON activities (tenant_id, user_id, message_key(tenant_id, message_id))
 WHERE deleted_at IS NULL AND message_id IS NOT NULL;

DROP POLICY IF EXISTS owner_threads ON activities;

CREATE POLICY owner_threads ON activities TO CURRENT_USER USING (true) WITH CHECK (true);

WITH RECURSIVE page AS MATERIALIZED (
        SELECT tenant_id, id, in_reply_to, occurred_at
          FROM activities
         WHERE (tenant_id, id) > (%(tenant_id)s, %(id)s) AND type = 'EMAIL'
         ORDER BY tenant_id, id
         LIMIT 2000
    ), answered AS (
        SELECT tenant_id, id AS first_id, id, in_reply_to, occurred_at FROM page
        UNION
        SELECT a.tenant_id, r.first_id, a.id, a.in_reply_to, a.occurred_at
          FROM answered r
          JOIN activities a ON a.tenant_id = r.tenant_id AND a.id = r.in_reply_to AND a.type = 'EMAIL'
    ), roots AS MATERIALIZED (
        SELECT r.tenant_id, r.first_id, r.id
          FROM answered r
         WHERE NOT EXISTS (SELECT FROM activities a
                            WHERE a.tenant_id = r.tenant_id AND a.id = r.in_reply_to AND a.id <> r.id
                              AND a.type = 'EMAIL')
    ), threaded AS (
        UPDATE activities a
           SET thread_id = roots.id
          FROM roots
         WHERE a.tenant_id = roots.tenant_id AND a.id = roots.first_id AND a.type = 'EMAIL'
           AND a.thread_id IS DISTINCT FROM roots.id
    )
    SELECT (SELECT ARRAY[tenant_id, id] FROM page ORDER BY tenant_id DESC, id DESC LIMIT 1) AS last,
           (SELECT jsonb_agg(r) FROM answered r
             WHERE (r.tenant_id, r.first_id) NOT IN (SELECT tenant_id, first_id FROM roots)) AS circling

-- with {'tenant_id': UUID('00000000-0000-0000-0000-000000000000'), 'id': UUID('00000000-0000-0000-0000-000000000000')};

DROP POLICY IF EXISTS owner_threads ON activities

-- == 0015
DROP INDEX CONCURRENTLY IF EXISTS activities_to_remind_new;

CREATE INDEX CONCURRENTLY activities_to_remind_new ON activities (remind_at, tenant_id)
     WHERE remind_at IS NOT NULL AND reminded_at IS NULL AND completed_at IS NULL AND deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_to_remind;

ALTER INDEX activities_to_remind_new RENAME TO activities_to_remind;

DROP INDEX CONCURRENTLY IF EXISTS activities_to_remind_by_tenant_new;

CREATE INDEX CONCURRENTLY activities_to_remind_by_tenant_new ON activities (tenant_id, remind_at, id)
     WHERE remind_at IS NOT NULL AND reminded_at IS NULL AND completed_at IS NULL AND deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_to_remind_by_tenant;

ALTER INDEX activities_to_remind_by_tenant_new RENAME TO activities_to_remind_by_tenant

-- == 0016
DROP INDEX CONCURRENTLY IF EXISTS activities_open_meetings_by_time;

CREATE INDEX CONCURRENTLY activities_open_meetings_by_time 
        ON activities (tenant_id, user_id, scheduled_at, id)
     WHERE type = 'MEETING' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_at IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_open_meetings_by_day;

CREATE INDEX CONCURRENTLY activities_open_meetings_by_day 
        ON activities (tenant_id, user_id, scheduled_on, id)
     WHERE type = 'MEETING' AND completed_at IS NULL AND deleted_at IS NULL AND scheduled_on IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_cancelled;

CREATE INDEX CONCURRENTLY activities_cancelled 
        ON activities (tenant_id, user_id, deleted_at)
     WHERE type IN ('TASK', 'MEETING') AND completed_at IS NULL AND deleted_at IS NOT NULL;

CREATE TABLE calendar_feeds (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    user_id      uuid NOT NULL,
    secret_hash  bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at   timestamptz NOT NULL,
    last_read_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, secret_hash)
);
CREATE INDEX calendar_feeds_by_user ON calendar_feeds (tenant_id, user_id, created_at, id);;

ALTER TABLE calendar_feeds ADD CONSTRAINT calendar_feeds_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND last_read_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE calendar_feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendar_feeds FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON calendar_feeds
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON calendar_feeds TO activities_worker USING (true) WITH CHECK (true);

-- == 0017
CREATE TABLE activity_series (
    tenant_id    uuid NOT NULL,
    id           uuid NOT NULL,
    rrule        text NOT NULL,
    time_zone    text NOT NULL,
    start        timestamp NOT NULL,
    is_whole_day boolean NOT NULL,
    made_until   timestamp NOT NULL,
    made         integer NOT NULL,
    due_at       timestamptz,
    user_id      uuid,
    contact_ids  uuid[] NOT NULL,
    template     jsonb,
    created_at   timestamptz NOT NULL,
    ends_before  timestamptz,
    skipped      text[] NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((due_at IS NULL) = (template IS NULL))
);
CREATE INDEX activity_series_due ON activity_series (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX activity_series_of_tenant ON activity_series (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX activity_series_of_user ON activity_series (tenant_id, user_id) WHERE due_at IS NOT NULL;
CREATE INDEX activity_series_of_contact ON activity_series USING gin (contact_ids) WHERE due_at IS NOT NULL;;

ALTER TABLE activity_series ADD CONSTRAINT activity_series_in_time CHECK (start BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND made_until BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND due_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND ends_before BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE activity_series ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_series FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activity_series
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activity_series TO activities_worker USING (true) WITH CHECK (true);

-- == 0018
DROP INDEX CONCURRENTLY IF EXISTS activities_of_series;

CREATE INDEX CONCURRENTLY activities_of_series ON activities (tenant_id, series_id, recurrence_id COLLATE "C")
 WHERE series_id IS NOT NULL

-- == 0019
ALTER TABLE activity_series ADD COLUMN failures integer NOT NULL DEFAULT 0

-- == 0020
ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS address text, ADD COLUMN IF NOT EXISTS external_id text;

-- == 0021
CREATE FUNCTION fold_case(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN casefold(value COLLATE "pg_unicode_fast");;

CREATE TABLE imports (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        created_by  uuid NOT NULL,
        entity_type text NOT NULL CHECK (entity_type IN ('ACTIVITY')),
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
        options     jsonb NOT NULL DEFAULT '{}',
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
ALTER TABLE imports ADD CONSTRAINT imports_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND started_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND finished_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND turned_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');ALTER TABLE import_pieces ADD CONSTRAINT import_pieces_in_time CHECK (stored_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');ALTER TABLE import_chunks ADD CONSTRAINT import_chunks_in_time CHECK (written_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND reverted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');
        ALTER TABLE imports ENABLE ROW LEVEL SECURITY;
        ALTER TABLE imports FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON imports
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON imports TO activities_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_pieces ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_pieces FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_pieces
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_pieces TO activities_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_errors ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_errors FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_errors
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_errors TO activities_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_chunks ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_chunks FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_chunks
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_chunks TO activities_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_taken_rows ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_taken_rows FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_taken_rows
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_taken_rows TO activities_worker USING (true) WITH CHECK (true);

-- == 0022
DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_address_new;

CREATE INDEX CONCURRENTLY replica_records_by_address_new ON replica_records (tenant_id, aggregate, address) WHERE address IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_address;

ALTER INDEX replica_records_by_address_new RENAME TO replica_records_by_address;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_external_id_new;

CREATE INDEX CONCURRENTLY replica_records_by_external_id_new ON replica_records (tenant_id, aggregate, external_id) WHERE external_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_external_id;

ALTER INDEX replica_records_by_external_id_new RENAME TO replica_records_by_external_id;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name_new;

CREATE INDEX CONCURRENTLY replica_records_by_name_new ON replica_records (tenant_id, aggregate, name) WHERE NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name;

ALTER INDEX replica_records_by_name_new RENAME TO replica_records_by_name

-- == 0023
ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS name_key text

-- == 0024
DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name_key_new;

CREATE INDEX CONCURRENTLY replica_records_by_name_key_new ON replica_records (tenant_id, aggregate, name_key) WHERE NOT is_deleted AND name_key IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name_key;

ALTER INDEX replica_records_by_name_key_new RENAME TO replica_records_by_name_key;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name

-- == 0025
CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(289143608140) THEN
        PERFORM pg_catalog.pg_notify('crm_outbox', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes_relay AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION wake_relay();

-- == 0026
-- All that a tenant has set, as its newest event said. Null: not heard since this column came.
ALTER TABLE directory_tenants ADD COLUMN state jsonb;

-- == 0027
CREATE TABLE bulk_backlog (
    is_only     boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    asked_at    timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    measured_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    records     bigint      NOT NULL DEFAULT 0,
    slowest     text        NOT NULL DEFAULT ''
);
INSERT INTO bulk_backlog DEFAULT VALUES;;

ALTER TABLE bulk_backlog ADD CONSTRAINT bulk_backlog_in_time CHECK (asked_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND measured_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');

-- == 0028
DROP INDEX CONCURRENTLY IF EXISTS activity_contacts_by_type_new;

CREATE INDEX CONCURRENTLY activity_contacts_by_type_new ON 
    activity_contacts (tenant_id, contact_id, type, occurred_at, deal_version, activity_id)
     WHERE is_current AND NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS activity_contacts_by_type;

ALTER INDEX activity_contacts_by_type_new RENAME TO activity_contacts_by_type

-- == 0029
DROP INDEX CONCURRENTLY IF EXISTS activities_of_deals_by_type_new;

CREATE INDEX CONCURRENTLY activities_of_deals_by_type_new ON 
    activities (tenant_id, deal_id, type, occurred_at, deal_version, id)
     WHERE deleted_at IS NULL AND deal_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activities_of_deals_by_type;

ALTER INDEX activities_of_deals_by_type_new RENAME TO activities_of_deals_by_type

-- == 0030
ALTER TABLE activity_series
    ADD COLUMN cut_at timestamptz[] NOT NULL DEFAULT '{}',
    ADD COLUMN closed text[] NOT NULL DEFAULT '{}'
