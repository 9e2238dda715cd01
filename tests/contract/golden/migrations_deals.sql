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
    CREATE POLICY worker_sees_all ON directory_tenants TO deals_worker USING (true) WITH CHECK (true);

    ALTER TABLE directory_users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_users FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_users
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_users TO deals_worker USING (true) WITH CHECK (true);

    ALTER TABLE visible_owners ENABLE ROW LEVEL SECURITY;
    ALTER TABLE visible_owners FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON visible_owners
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON visible_owners TO deals_worker USING (true) WITH CHECK (true);;

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
CREATE POLICY worker_sees_all ON replica_records TO deals_worker USING (true) WITH CHECK (true);;

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
CREATE POLICY worker_sees_all ON idempotency_keys TO deals_worker USING (true) WITH CHECK (true);;

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

CREATE TABLE pipelines (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    version    bigint NOT NULL,
    name       text NOT NULL,
    is_default boolean NOT NULL,
    archived   boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE UNIQUE INDEX pipelines_one_default ON pipelines (tenant_id) WHERE is_default;

CREATE TABLE stages (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    name            text NOT NULL,
    win_probability integer NOT NULL CHECK (win_probability BETWEEN 0 AND 100),
    kind            text NOT NULL CHECK (kind IN ('OPEN', 'WON', 'LOST')),
    rotting_days    integer CHECK (rotting_days > 0),
    position        integer NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipelines (tenant_id, id),
    UNIQUE (tenant_id, pipeline_id, position) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE deals (
    tenant_id           uuid NOT NULL,
    id                  uuid NOT NULL,
    version             bigint NOT NULL,
    name                text NOT NULL,
    contact_id          uuid,
    original_contact_id uuid,
    company_id          uuid,
    owner_id            uuid NOT NULL,
    pipeline_id         uuid NOT NULL,
    stage_id            uuid NOT NULL,
    amount              numeric CHECK (amount BETWEEN 0 AND 10000000000000),
    currency            text NOT NULL,
    close_date          date,
    status              text NOT NULL CHECK (status IN ('OPEN', 'WON', 'LOST')),
    stage_changed_at    timestamptz NOT NULL,
    closed_at           timestamptz,
    lost_reason         text,
    description         text,
    custom_data         jsonb NOT NULL,
    external_id         text,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    deleted_at          timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, stage_id) REFERENCES stages (tenant_id, id),
    CHECK ((status = 'OPEN') = (closed_at IS NULL))
);
CREATE INDEX deals_by_created ON deals (tenant_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_updated ON deals (tenant_id, updated_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_name ON deals (tenant_id, name, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_owner ON deals (tenant_id, owner_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_contact ON deals (tenant_id, contact_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_by_company ON deals (tenant_id, company_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX deals_on_board ON deals (tenant_id, pipeline_id, stage_id, updated_at, id) WHERE deleted_at IS NULL;

-- Stages by id and by the name they had: a stage renamed later doesn't rewrite history.
CREATE TABLE deal_stage_history (
    tenant_id       uuid NOT NULL,
    deal_id         uuid NOT NULL,
    version         bigint NOT NULL,
    from_stage_id   uuid,
    from_stage_name text,
    to_stage_id     uuid NOT NULL,
    to_stage_name   text NOT NULL,
    changed_at      timestamptz NOT NULL,
    changed_by      uuid,
    PRIMARY KEY (tenant_id, deal_id, version),
    FOREIGN KEY (tenant_id, deal_id) REFERENCES deals (tenant_id, id)
);;

ALTER TABLE pipelines ENABLE ROW LEVEL SECURITY;
ALTER TABLE pipelines FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON pipelines
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON pipelines TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE stages ENABLE ROW LEVEL SECURITY;
ALTER TABLE stages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stages
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stages TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE deals ENABLE ROW LEVEL SECURITY;
ALTER TABLE deals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deals
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deals TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE deal_stage_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_stage_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_stage_history
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_stage_history TO deals_worker USING (true) WITH CHECK (true);

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
    CREATE POLICY worker_sees_all ON contact_shares TO deals_worker USING (true) WITH CHECK (true);

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
       CREATE POLICY worker_sees_all ON custom_fields TO deals_worker USING (true) WITH CHECK (true);

-- == 0005
ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS merged_into uuid;
CREATE INDEX replica_records_by_merged ON replica_records (tenant_id, merged_into) WHERE merged_into IS NOT NULL;;

CREATE INDEX deals_by_original_contact ON deals (tenant_id, original_contact_id)
 WHERE original_contact_id IS NOT NULL;
CREATE INDEX deals_by_any_contact ON deals (tenant_id, contact_id)
 WHERE original_contact_id IS NULL AND contact_id IS NOT NULL;

-- == 0006
-- Who takes over the records of a user who left, and who said so (null: not known here).
ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
    WHERE NOT active AND successor_id IS NOT NULL;

-- == 0007
ALTER TABLE stages ADD COLUMN archived boolean NOT NULL DEFAULT false;

-- == 0008
CREATE TABLE webhooks (
    tenant_id             uuid NOT NULL,
    id                    uuid NOT NULL,
    version               bigint NOT NULL,
    url                   text NOT NULL,
    event_types           text[] NOT NULL,
    secret                text NOT NULL,
    previous_secret       text,
    previous_secret_until timestamptz,
    active                boolean NOT NULL,
    disabled_at           timestamptz,
    disabled_reason       text,
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    failures              integer NOT NULL DEFAULT 0,  -- in a row, over all of its records
    failing_since         timestamptz,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE webhook_deliveries (
    tenant_id        uuid NOT NULL,
    id               uuid NOT NULL,
    position         bigint GENERATED ALWAYS AS IDENTITY,
    webhook_id       uuid NOT NULL,
    event_id         uuid NOT NULL,
    event_type       text NOT NULL,
    record_id        uuid NOT NULL,
    sequence         bigint NOT NULL,
    body             bytea NOT NULL,
    status           text NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    attempts         integer NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    last_attempt_at  timestamptz,
    next_attempt_at  timestamptz,
    response_status  integer,
    response_excerpt text,
    error            text,
    duration_ms      integer,
    told_at          timestamptz NOT NULL,
    created_at       timestamptz NOT NULL,
    delivered_at     timestamptz,
    replay_of        uuid,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
);
-- An event is queued once, however often it is read.
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (tenant_id, webhook_id, record_id, sequence)
 WHERE replay_of IS NULL;
CREATE INDEX webhook_deliveries_pending ON webhook_deliveries (tenant_id, webhook_id, record_id, position)
 WHERE status = 'PENDING';
CREATE INDEX webhook_deliveries_by_created ON webhook_deliveries (tenant_id, webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_by_told ON webhook_deliveries (tenant_id, webhook_id, told_at);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at) WHERE status <> 'PENDING';

CREATE TABLE webhook_lanes (
    tenant_id       uuid NOT NULL,
    webhook_id      uuid NOT NULL,
    record_id       uuid NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    attempts        integer NOT NULL,
    PRIMARY KEY (tenant_id, webhook_id, record_id),
    FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_lanes_due ON webhook_lanes (tenant_id, webhook_id, next_attempt_at);;

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON webhooks
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON webhooks TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON webhook_deliveries
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON webhook_deliveries TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE webhook_lanes ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_lanes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON webhook_lanes
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON webhook_lanes TO deals_worker USING (true) WITH CHECK (true);

-- == 0009
CREATE TABLE stage_totals (
    tenant_id   uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    stage_id    uuid NOT NULL,
    owner_id    uuid NOT NULL,
    currency    text NOT NULL,
    count       bigint NOT NULL,
    total       numeric NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id, stage_id, owner_id, currency)
);
CREATE TABLE stage_total_changes (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id   uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    stage_id    uuid NOT NULL,
    owner_id    uuid NOT NULL,
    currency    text NOT NULL,
    count       bigint NOT NULL,
    total       numeric NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX stage_total_changes_by_pipeline ON stage_total_changes (tenant_id, pipeline_id);

CREATE FUNCTION note_stage_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stage_total_changes (tenant_id, pipeline_id, stage_id, owner_id, currency, count, total)
    SELECT side.tenant_id, side.pipeline_id, side.stage_id, side.owner_id, side.currency, sign,
           sign * COALESCE(side.amount, 0)
      FROM (SELECT OLD.*, -1 AS sign WHERE TG_OP <> 'INSERT'
             UNION ALL
            SELECT NEW.*, 1 WHERE TG_OP <> 'DELETE') AS side
     WHERE side.deleted_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER deals_come_or_go AFTER INSERT OR DELETE ON deals
    FOR EACH ROW EXECUTE FUNCTION note_stage_totals();
CREATE TRIGGER deals_change AFTER UPDATE ON deals
    FOR EACH ROW WHEN ((OLD.pipeline_id, OLD.stage_id, OLD.owner_id, OLD.currency, OLD.amount,
                        OLD.deleted_at IS NULL)
                       IS DISTINCT FROM
                       (NEW.pipeline_id, NEW.stage_id, NEW.owner_id, NEW.currency, NEW.amount,
                        NEW.deleted_at IS NULL))
    EXECUTE FUNCTION note_stage_totals();

ALTER TABLE deals NO FORCE ROW LEVEL SECURITY;
INSERT INTO stage_totals (tenant_id, pipeline_id, stage_id, owner_id, currency, count, total)
SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, count(*), COALESCE(sum(amount), 0)
  FROM deals
 WHERE deleted_at IS NULL
 GROUP BY 1, 2, 3, 4, 5;
ALTER TABLE deals FORCE ROW LEVEL SECURITY;;

CREATE TABLE deal_activities (
    tenant_id   uuid NOT NULL,
    activity_id uuid NOT NULL,
    version     bigint NOT NULL,
    deal_id     uuid,
    occurred_at timestamptz NOT NULL,
    counts      boolean NOT NULL,
    PRIMARY KEY (tenant_id, activity_id)
);
CREATE INDEX deal_activities_by_deal ON deal_activities (tenant_id, deal_id, occurred_at) WHERE counts;;

CREATE INDEX deals_on_owners_board ON deals (tenant_id, pipeline_id, stage_id, owner_id, updated_at, id)
 WHERE deleted_at IS NULL;;

ALTER TABLE stage_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_totals
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_totals TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE stage_total_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_total_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_total_changes
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_total_changes TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE deal_activities ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_activities FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_activities
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_activities TO deals_worker USING (true) WITH CHECK (true);

-- == 0010
CREATE UNIQUE INDEX deals_one_external_id ON deals (tenant_id, external_id)
 WHERE deleted_at IS NULL AND external_id IS NOT NULL;

-- == 0011
SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'deals', 'name': 'deals_in_time'};

ALTER TABLE deals ADD CONSTRAINT deals_in_time CHECK (close_date BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND stage_changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE deals VALIDATE CONSTRAINT deals_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'deal_stage_history', 'name': 'deal_stage_history_in_time'};

ALTER TABLE deal_stage_history ADD CONSTRAINT deal_stage_history_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE deal_stage_history VALIDATE CONSTRAINT deal_stage_history_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'record_changes', 'name': 'record_changes_in_time'};

ALTER TABLE record_changes ADD CONSTRAINT record_changes_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE record_changes VALIDATE CONSTRAINT record_changes_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'deal_activities', 'name': 'deal_activities_in_time'};

ALTER TABLE deal_activities ADD CONSTRAINT deal_activities_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE deal_activities VALIDATE CONSTRAINT deal_activities_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'pipelines', 'name': 'pipelines_in_time'};

ALTER TABLE pipelines ADD CONSTRAINT pipelines_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE pipelines VALIDATE CONSTRAINT pipelines_in_time;

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
-- with {'table': 'idempotency_keys', 'name': 'idempotency_keys_in_time'};

ALTER TABLE idempotency_keys ADD CONSTRAINT idempotency_keys_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE idempotency_keys VALIDATE CONSTRAINT idempotency_keys_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'webhooks', 'name': 'webhooks_in_time'};

ALTER TABLE webhooks ADD CONSTRAINT webhooks_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND previous_secret_until BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND disabled_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND failing_since BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE webhooks VALIDATE CONSTRAINT webhooks_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'webhook_deliveries', 'name': 'webhook_deliveries_in_time'};

ALTER TABLE webhook_deliveries ADD CONSTRAINT webhook_deliveries_in_time CHECK (told_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND first_attempt_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND last_attempt_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND next_attempt_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND delivered_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE webhook_deliveries VALIDATE CONSTRAINT webhook_deliveries_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'webhook_lanes', 'name': 'webhook_lanes_in_time'};

ALTER TABLE webhook_lanes ADD CONSTRAINT webhook_lanes_in_time CHECK (next_attempt_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE webhook_lanes VALIDATE CONSTRAINT webhook_lanes_in_time;

ALTER TABLE deals ADD CONSTRAINT deals_finite CHECK (abs(amount) < 'Infinity') NOT VALID;
ALTER TABLE stage_totals ADD CONSTRAINT stage_totals_finite CHECK (abs(total) < 'Infinity') NOT VALID;
ALTER TABLE stage_total_changes ADD CONSTRAINT stage_total_changes_finite
  CHECK (abs(total) < 'Infinity') NOT VALID;

-- == 0012
ALTER TABLE webhooks ADD COLUMN IF NOT EXISTS replays timestamptz[] NOT NULL DEFAULT '{}';
ALTER TABLE webhook_lanes ADD COLUMN IF NOT EXISTS claim bigint NOT NULL DEFAULT 0;;

DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_replaying_new;

CREATE INDEX CONCURRENTLY webhook_deliveries_replaying_new ON webhook_deliveries (tenant_id, webhook_id, replay_of) WHERE status = 'PENDING' AND replay_of IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_replaying;

ALTER INDEX webhook_deliveries_replaying_new RENAME TO webhook_deliveries_replaying

-- == 0013
CREATE COLLATION IF NOT EXISTS people_order (provider = icu, locale = 'und');
CREATE COLLATION IF NOT EXISTS base_letters (provider = icu, locale = 'und-u-ks-level1', deterministic = false);;

DROP INDEX CONCURRENTLY IF EXISTS deals_by_name_new;

CREATE INDEX CONCURRENTLY deals_by_name_new ON deals (tenant_id, name COLLATE people_order, id) WHERE deleted_at IS NULL;

DROP INDEX CONCURRENTLY IF EXISTS deals_by_name;

ALTER INDEX deals_by_name_new RENAME TO deals_by_name

-- == 0014
ALTER TABLE deal_activities
  ADD COLUMN is_open boolean,
  ADD COLUMN is_erased boolean NOT NULL DEFAULT false,
  ADD COLUMN user_id uuid,
  ADD COLUMN type text,
  ADD COLUMN subject text,
  ADD COLUMN scheduled_at timestamptz,
  ADD COLUMN scheduled_on date,
  ADD COLUMN time_zone text,
  ADD COLUMN due_at timestamptz;;

ALTER TABLE deals
  ADD COLUMN next_activity_id uuid,
  ADD COLUMN next_due_at timestamptz,
  ADD COLUMN next_step text NOT NULL DEFAULT 'NONE';
ALTER TABLE deals ADD CONSTRAINT deals_next_step CHECK (
    CASE next_step WHEN 'NONE' THEN next_activity_id IS NULL AND next_due_at IS NULL
                   WHEN 'PLANNED' THEN next_activity_id IS NOT NULL
                   WHEN 'OVERDUE' THEN next_activity_id IS NOT NULL AND next_due_at IS NOT NULL
                   ELSE false END) NOT VALID;;

CREATE TABLE moved_time_zones (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    user_id   uuid  -- null: the tenant's own
);
CREATE FUNCTION note_tenant_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO moved_time_zones (tenant_id) VALUES (NEW.tenant_id);
    RETURN NULL;
END $$;
CREATE FUNCTION note_user_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO moved_time_zones (tenant_id, user_id) VALUES (NEW.tenant_id, NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER tenants_come AFTER INSERT ON directory_tenants
    FOR EACH ROW EXECUTE FUNCTION note_tenant_time_zone();
CREATE TRIGGER tenants_move AFTER UPDATE ON directory_tenants
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION note_tenant_time_zone();
CREATE TRIGGER users_come AFTER INSERT ON directory_users
    FOR EACH ROW WHEN (NEW.time_zone IS NOT NULL) EXECUTE FUNCTION note_user_time_zone();
CREATE TRIGGER users_move AFTER UPDATE ON directory_users
    FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION note_user_time_zone();;

ALTER TABLE moved_time_zones ENABLE ROW LEVEL SECURITY;
ALTER TABLE moved_time_zones FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON moved_time_zones
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON moved_time_zones TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE deals DROP CONSTRAINT deals_in_time;
ALTER TABLE deals ADD CONSTRAINT deals_in_time CHECK (close_date BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND stage_changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND deleted_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND next_due_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;;

ALTER TABLE deal_activities DROP CONSTRAINT deal_activities_in_time;
ALTER TABLE deal_activities ADD CONSTRAINT deal_activities_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND scheduled_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND scheduled_on BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND due_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

-- == 0015
ALTER TABLE deals VALIDATE CONSTRAINT deals_in_time;

ALTER TABLE deals VALIDATE CONSTRAINT deals_next_step;

ALTER TABLE deal_activities VALIDATE CONSTRAINT deal_activities_in_time;

DROP INDEX CONCURRENTLY IF EXISTS deals_by_next_step_new;

CREATE INDEX CONCURRENTLY deals_by_next_step_new ON deals (tenant_id, next_step, created_at, id) WHERE deleted_at IS NULL AND status = 'OPEN';

DROP INDEX CONCURRENTLY IF EXISTS deals_by_next_step;

ALTER INDEX deals_by_next_step_new RENAME TO deals_by_next_step;

DROP INDEX CONCURRENTLY IF EXISTS deals_by_owners_next_step_new;

CREATE INDEX CONCURRENTLY deals_by_owners_next_step_new ON deals (tenant_id, owner_id, next_step, created_at, id) WHERE deleted_at IS NULL AND status = 'OPEN';

DROP INDEX CONCURRENTLY IF EXISTS deals_by_owners_next_step;

ALTER INDEX deals_by_owners_next_step_new RENAME TO deals_by_owners_next_step;

DROP INDEX CONCURRENTLY IF EXISTS deals_coming_due_new;

CREATE INDEX CONCURRENTLY deals_coming_due_new ON deals (tenant_id, next_due_at, id) WHERE deleted_at IS NULL AND status = 'OPEN' AND next_step = 'PLANNED';

DROP INDEX CONCURRENTLY IF EXISTS deals_coming_due;

ALTER INDEX deals_coming_due_new RENAME TO deals_coming_due;

DROP INDEX CONCURRENTLY IF EXISTS deal_activities_open_new;

CREATE INDEX CONCURRENTLY deal_activities_open_new ON deal_activities (tenant_id, deal_id, due_at, activity_id) WHERE is_open;

DROP INDEX CONCURRENTLY IF EXISTS deal_activities_open;

ALTER INDEX deal_activities_open_new RENAME TO deal_activities_open;

DROP INDEX CONCURRENTLY IF EXISTS deal_activities_whole_days_new;

CREATE INDEX CONCURRENTLY deal_activities_whole_days_new ON deal_activities (tenant_id, activity_id) WHERE is_open AND scheduled_on IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS deal_activities_whole_days;

ALTER INDEX deal_activities_whole_days_new RENAME TO deal_activities_whole_days

-- == 0016
DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_of_activities_new;

CREATE INDEX CONCURRENTLY webhook_deliveries_of_activities_new ON webhook_deliveries (tenant_id, record_id) WHERE event_type LIKE 'crm.activity.%%';

DROP INDEX CONCURRENTLY IF EXISTS webhook_deliveries_of_activities;

ALTER INDEX webhook_deliveries_of_activities_new RENAME TO webhook_deliveries_of_activities

-- == 0017
CREATE FUNCTION fold_case(value text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN casefold(value COLLATE "pg_unicode_fast");;

CREATE TABLE imports (
        tenant_id   uuid NOT NULL,
        id          uuid NOT NULL,
        version     bigint NOT NULL,
        created_by  uuid NOT NULL,
        entity_type text NOT NULL CHECK (entity_type IN ('DEAL')),
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
        CREATE POLICY worker_sees_all ON imports TO deals_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_pieces ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_pieces FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_pieces
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_pieces TO deals_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_errors ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_errors FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_errors
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_errors TO deals_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_chunks ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_chunks FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_chunks
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_chunks TO deals_worker USING (true) WITH CHECK (true);

        ALTER TABLE import_taken_rows ENABLE ROW LEVEL SECURITY;
        ALTER TABLE import_taken_rows FORCE ROW LEVEL SECURITY;
        CREATE POLICY tenant_isolation ON import_taken_rows
            USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
        CREATE POLICY worker_sees_all ON import_taken_rows TO deals_worker USING (true) WITH CHECK (true);;

ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS address text, ADD COLUMN IF NOT EXISTS external_id text;

-- == 0018
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

-- == 0019
ALTER TABLE replica_records ADD COLUMN IF NOT EXISTS name_key text

-- == 0020
DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name_key_new;

CREATE INDEX CONCURRENTLY replica_records_by_name_key_new ON replica_records (tenant_id, aggregate, name_key) WHERE NOT is_deleted AND name_key IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name_key;

ALTER INDEX replica_records_by_name_key_new RENAME TO replica_records_by_name_key;

DROP INDEX CONCURRENTLY IF EXISTS replica_records_by_name

-- == 0021
ALTER TABLE webhook_deliveries ADD COLUMN traceparent text

-- == 0022
CREATE FUNCTION wake_relay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(289143608140) THEN
        PERFORM pg_catalog.pg_notify('crm_outbox', '');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER outbox_wakes_relay AFTER INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION wake_relay();

-- == 0023
-- All that a tenant has set, as its newest event said. Null: not heard since this column came.
ALTER TABLE directory_tenants ADD COLUMN state jsonb;

-- == 0024
CREATE TABLE bulk_backlog (
    is_only     boolean     PRIMARY KEY DEFAULT true CHECK (is_only),
    asked_at    timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    measured_at timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00Z',
    records     bigint      NOT NULL DEFAULT 0,
    slowest     text        NOT NULL DEFAULT ''
);
INSERT INTO bulk_backlog DEFAULT VALUES;;

ALTER TABLE bulk_backlog ADD CONSTRAINT bulk_backlog_in_time CHECK (asked_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND measured_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');
