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
    CREATE POLICY worker_sees_all ON directory_tenants TO reporting_worker USING (true) WITH CHECK (true);

    ALTER TABLE directory_users ENABLE ROW LEVEL SECURITY;
    ALTER TABLE directory_users FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON directory_users
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON directory_users TO reporting_worker USING (true) WITH CHECK (true);

    ALTER TABLE visible_owners ENABLE ROW LEVEL SECURITY;
    ALTER TABLE visible_owners FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_isolation ON visible_owners
        USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
    CREATE POLICY worker_sees_all ON visible_owners TO reporting_worker USING (true) WITH CHECK (true);;

CREATE TABLE pipelines (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    version    bigint NOT NULL,
    name       text NOT NULL,
    is_default boolean NOT NULL,
    archived   boolean NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- A stage that has left its pipeline stays, marked: deals may stand in it until their own events have come.
CREATE TABLE stages (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    name            text NOT NULL,
    win_probability integer NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('OPEN', 'WON', 'LOST')),
    position        integer NOT NULL,
    is_removed      boolean NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX stages_by_pipeline ON stages (tenant_id, pipeline_id, position);

CREATE TABLE deal_facts (
    tenant_id        uuid NOT NULL,
    deal_id          uuid NOT NULL,
    version          bigint NOT NULL,
    pipeline_id      uuid NOT NULL,
    stage_id         uuid NOT NULL,
    owner_id         uuid,
    contact_id       uuid,
    status           text NOT NULL CHECK (status IN ('OPEN', 'WON', 'LOST')),
    amount           numeric,
    currency         text NOT NULL,
    close_date       date,
    created_at       timestamptz NOT NULL,
    stage_changed_at timestamptz NOT NULL,
    closed_at        timestamptz,
    is_deleted       boolean NOT NULL,
    PRIMARY KEY (tenant_id, deal_id)
) WITH (fillfactor = 85);
-- Closed deals convert at the rate of their own day, so those in other currencies are read one by one.
CREATE INDEX deal_facts_closed ON deal_facts (tenant_id, pipeline_id, currency, closed_at)
    INCLUDE (stage_id, owner_id, amount) WHERE status <> 'OPEN' AND NOT is_deleted;

-- Every entry into a stage, the creation included. What only a deal's own event tells (amount, owner) is null
-- where the entry is known from a snapshot's history alone; a name is null where it came with no name.
CREATE TABLE stage_transitions (
    tenant_id       uuid NOT NULL,
    deal_id         uuid NOT NULL,
    version         bigint NOT NULL,
    pipeline_id     uuid,
    from_stage_id   uuid,
    from_stage_name text,
    to_stage_id     uuid NOT NULL,
    to_stage_name   text,
    changed_at      timestamptz NOT NULL,
    changed_by      uuid,
    owner_id        uuid,
    amount          numeric,
    currency        text,
    PRIMARY KEY (tenant_id, deal_id, version)
);

-- What the facts add up to, kept in their transactions; deleted deals are left out. Sums of instants are seconds
-- since 1970, so that an average age is one subtraction at any moment. Rows that come to nothing are deleted.
CREATE TABLE deal_rollup (
    tenant_id             uuid NOT NULL,
    pipeline_id           uuid NOT NULL,
    stage_id              uuid NOT NULL,
    owner_id              uuid,
    currency              text NOT NULL,
    close_month           date,
    status                text NOT NULL,
    deal_count            bigint NOT NULL,
    total_amount          numeric NOT NULL,
    created_epoch_s       numeric NOT NULL,
    stage_changed_epoch_s numeric NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX deal_rollup_key ON deal_rollup
    (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status) NULLS NOT DISTINCT;

CREATE TABLE source_progress (
    tenant_id     uuid NOT NULL,
    topic         text NOT NULL,
    last_event_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, topic)
);

-- Base units for 1 unit of the currency. The base stands in the key: a rate to another base says nothing.
CREATE TABLE exchange_rates (
    tenant_id     uuid NOT NULL,
    id            uuid NOT NULL,
    base_currency text NOT NULL,
    currency      text NOT NULL,
    effective_on  date NOT NULL,
    rate          numeric NOT NULL CHECK (rate > 0),
    version       bigint NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, base_currency, currency, effective_on)
);
CREATE INDEX exchange_rates_by_created ON exchange_rates (tenant_id, created_at, id);
CREATE INDEX exchange_rates_by_day ON exchange_rates (tenant_id, effective_on, id);;

ALTER TABLE pipelines ENABLE ROW LEVEL SECURITY;
ALTER TABLE pipelines FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON pipelines
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON pipelines TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE stages ENABLE ROW LEVEL SECURITY;
ALTER TABLE stages FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stages
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stages TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE deal_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_facts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_facts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_facts TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE stage_transitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_transitions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_transitions
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_transitions TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE deal_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_rollup TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE source_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE source_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON source_progress
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON source_progress TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE exchange_rates ENABLE ROW LEVEL SECURITY;
ALTER TABLE exchange_rates FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON exchange_rates
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON exchange_rates TO reporting_worker USING (true) WITH CHECK (true);

-- == 0002
CREATE TABLE contacts (
    tenant_id uuid NOT NULL,
    id        uuid NOT NULL,
    version   bigint NOT NULL,
    PRIMARY KEY (tenant_id, id)
);;

ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON contacts TO reporting_worker USING (true) WITH CHECK (true);;

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
    CREATE POLICY worker_sees_all ON contact_shares TO reporting_worker USING (true) WITH CHECK (true);;

CREATE INDEX deal_facts_by_contact ON deal_facts (tenant_id, contact_id)
 WHERE contact_id IS NOT NULL AND NOT is_deleted;

-- == 0003
-- Who takes over the records of a user who left, and who said so (null: not known here).
ALTER TABLE directory_users ADD COLUMN successor_id uuid, ADD COLUMN handed_over_by uuid;
CREATE INDEX directory_users_succeeded ON directory_users (tenant_id, id)
    WHERE NOT active AND successor_id IS NOT NULL;

-- == 0004
CREATE POLICY owner_repairs ON exchange_rates TO CURRENT_USER USING (true) WITH CHECK (true);
DELETE FROM exchange_rates r
 WHERE r.effective_on > '2200-12-31'
    OR r.effective_on < '1900-01-01'
       AND EXISTS (SELECT FROM exchange_rates later
                    WHERE (later.tenant_id, later.base_currency, later.currency)
                          = (r.tenant_id, r.base_currency, r.currency)
                      AND later.effective_on > r.effective_on AND later.effective_on <= '1900-01-01');
DROP POLICY owner_repairs ON exchange_rates;;

CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
UPDATE deal_facts SET amount = NULL WHERE NOT abs(amount) < 'Infinity';
DROP POLICY owner_repairs ON deal_facts;
CREATE POLICY owner_repairs ON exchange_rates TO CURRENT_USER USING (true) WITH CHECK (true);
DELETE FROM exchange_rates WHERE NOT rate < 'Infinity';
DROP POLICY owner_repairs ON exchange_rates;
ALTER TABLE deal_facts DROP CONSTRAINT IF EXISTS deal_facts_finite;
ALTER TABLE exchange_rates DROP CONSTRAINT IF EXISTS exchange_rates_finite;
ALTER TABLE deal_facts ADD CONSTRAINT deal_facts_finite CHECK (abs(amount) < 'Infinity') NOT VALID;
ALTER TABLE exchange_rates ADD CONSTRAINT exchange_rates_finite CHECK (rate < 'Infinity') NOT VALID;;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'deal_facts', 'name': 'deal_facts_in_time'};

ALTER TABLE deal_facts ADD CONSTRAINT deal_facts_in_time CHECK (close_date BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND stage_changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE deal_facts VALIDATE CONSTRAINT deal_facts_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'stage_transitions', 'name': 'stage_transitions_in_time'};

ALTER TABLE stage_transitions ADD CONSTRAINT stage_transitions_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE stage_transitions VALIDATE CONSTRAINT stage_transitions_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'source_progress', 'name': 'source_progress_in_time'};

ALTER TABLE source_progress ADD CONSTRAINT source_progress_in_time CHECK (last_event_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE source_progress VALIDATE CONSTRAINT source_progress_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'exchange_rates', 'name': 'exchange_rates_in_time'};

ALTER TABLE exchange_rates ADD CONSTRAINT exchange_rates_in_time CHECK (effective_on BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE exchange_rates VALIDATE CONSTRAINT exchange_rates_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_tenants', 'name': 'directory_tenants_in_time'};

ALTER TABLE directory_tenants ADD CONSTRAINT directory_tenants_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_tenants VALIDATE CONSTRAINT directory_tenants_in_time;

SELECT FROM pg_constraint WHERE conrelid = CAST(%(table)s AS regclass) AND conname = %(name)s
-- with {'table': 'directory_users', 'name': 'directory_users_in_time'};

ALTER TABLE directory_users ADD CONSTRAINT directory_users_in_time CHECK (created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00') NOT VALID;

ALTER TABLE directory_users VALIDATE CONSTRAINT directory_users_in_time;

ALTER TABLE deal_facts VALIDATE CONSTRAINT deal_facts_finite;
ALTER TABLE exchange_rates VALIDATE CONSTRAINT exchange_rates_finite;;

DROP POLICY IF EXISTS owner_repairs ON deal_rollup;
CREATE POLICY owner_repairs ON deal_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
DROP POLICY IF EXISTS owner_repairs ON deal_facts;
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);;

SELECT EXISTS (SELECT FROM deal_rollup WHERE NOT (
    abs(total_amount) < 'Infinity' AND abs(created_epoch_s) < 'Infinity' AND abs(stage_changed_epoch_s) < 'Infinity'
    AND COALESCE(close_month BETWEEN '1900-01-01' AND '2200-12-31', true)
));

DROP POLICY owner_repairs ON deal_rollup;
DROP POLICY owner_repairs ON deal_facts;
ALTER TABLE deal_rollup ADD CONSTRAINT deal_rollup_in_time
  CHECK (close_month BETWEEN '1900-01-01' AND '2200-12-31');
ALTER TABLE deal_rollup ADD CONSTRAINT deal_rollup_finite
  CHECK (abs(total_amount) < 'Infinity' AND abs(created_epoch_s) < 'Infinity'
         AND abs(stage_changed_epoch_s) < 'Infinity');

-- == 0005
CREATE TABLE quotas (
    tenant_id  uuid NOT NULL,
    id         uuid NOT NULL,
    user_id    uuid NOT NULL,
    first_day  date NOT NULL CONSTRAINT quotas_of_months CHECK (extract(day FROM first_day) = 1),
    amount     numeric NOT NULL CONSTRAINT quotas_finite CHECK (amount >= 0 AND amount < 'Infinity'),
    currency   text NOT NULL,
    version    bigint NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, user_id, first_day)
);
CREATE INDEX quotas_by_created ON quotas (tenant_id, created_at, id);
CREATE INDEX quotas_by_month ON quotas (tenant_id, first_day, id);
CREATE INDEX quotas_by_user ON quotas (tenant_id, user_id, created_at, id);;

ALTER TABLE quotas ADD CONSTRAINT quotas_in_time CHECK (first_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND created_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND updated_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON quotas
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON quotas TO reporting_worker USING (true) WITH CHECK (true);

-- == 0006
-- A row for each version that changed a dated value, with all of them as they were after it. `is_move`: the stage
-- and what comes with it changed; `is_edit`: the other values did.
CREATE TABLE deal_versions (
    tenant_id        uuid NOT NULL,
    deal_id          uuid NOT NULL,
    version          bigint NOT NULL,
    changed_at       timestamptz NOT NULL,
    is_move          boolean NOT NULL,
    is_edit          boolean NOT NULL,
    pipeline_id      uuid,
    stage_id         uuid,
    stage_changed_at timestamptz,
    status           text CHECK (status IN ('OPEN', 'WON', 'LOST')),  -- null: a deletion that could not be read
    closed_at        timestamptz,
    amount           numeric CHECK (abs(amount) < 'Infinity'),
    currency         text,
    owner_id         uuid,
    close_date       date,
    is_deleted       boolean NOT NULL,
    PRIMARY KEY (tenant_id, deal_id, version)
);;

-- What the versions add up to: a deal's values from `valid_from` until before `valid_to` (null: still so), in
-- business time. While a deal is deleted it has no period.
CREATE TABLE deal_periods (
    tenant_id        uuid NOT NULL,
    deal_id          uuid NOT NULL,
    valid_from       timestamptz NOT NULL,
    valid_to         timestamptz,
    pipeline_id      uuid NOT NULL,
    stage_id         uuid NOT NULL,
    stage_changed_at timestamptz NOT NULL,
    status           text NOT NULL CHECK (status IN ('OPEN', 'WON', 'LOST')),
    closed_at        timestamptz,
    amount           numeric CHECK (abs(amount) < 'Infinity'),
    currency         text NOT NULL,
    owner_id         uuid,
    close_date       date,
    PRIMARY KEY (tenant_id, deal_id, valid_from)
) WITH (fillfactor = 85);
CREATE INDEX deal_periods_by_end ON deal_periods (tenant_id, pipeline_id, valid_to, valid_from);;

CREATE TABLE stage_versions (
    tenant_id       uuid NOT NULL,
    pipeline_id     uuid NOT NULL,
    version         bigint NOT NULL,
    stage_id        uuid NOT NULL,
    changed_at      timestamptz NOT NULL,
    name            text NOT NULL,
    win_probability integer NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('OPEN', 'WON', 'LOST')),
    position        integer NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id, version, stage_id)
);;

ALTER TABLE deal_versions ADD CONSTRAINT deal_versions_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND stage_changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND close_date BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE deal_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_versions
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_versions TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE deal_periods ADD CONSTRAINT deal_periods_in_time CHECK (valid_from BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND valid_to BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND stage_changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND close_date BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE deal_periods ENABLE ROW LEVEL SECURITY;
ALTER TABLE deal_periods FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deal_periods
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON deal_periods TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE stage_versions ADD CONSTRAINT stage_versions_in_time CHECK (changed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE stage_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_versions
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_versions TO reporting_worker USING (true) WITH CHECK (true);

-- == 0007
CREATE COLLATION IF NOT EXISTS people_order (provider = icu, locale = 'und');
CREATE COLLATION IF NOT EXISTS base_letters (provider = icu, locale = 'und-u-ks-level1', deterministic = false);;

ALTER TABLE deal_facts ADD COLUMN IF NOT EXISTS lost_reason text;
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS source text;
ALTER TABLE contacts ADD COLUMN IF NOT EXISTS is_deleted boolean NOT NULL DEFAULT false;;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window_new;

CREATE INDEX CONCURRENTLY deal_facts_closed_in_window_new ON 
    deal_facts (tenant_id, pipeline_id, closed_at) INCLUDE (owner_id, status, amount, currency, created_at)
     WHERE status <> 'OPEN' AND NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window;

ALTER INDEX deal_facts_closed_in_window_new RENAME TO deal_facts_closed_in_window

-- == 0008
DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_stage_new;

CREATE INDEX CONCURRENTLY stage_transitions_by_stage_new ON stage_transitions (tenant_id, to_stage_id, changed_at) INCLUDE (deal_id, version);

DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_stage;

ALTER INDEX stage_transitions_by_stage_new RENAME TO stage_transitions_by_stage

-- == 0009
DROP INDEX CONCURRENTLY IF EXISTS deal_facts_open_by_close_date_new;

CREATE INDEX CONCURRENTLY deal_facts_open_by_close_date_new ON 
    deal_facts (tenant_id, pipeline_id, close_date) INCLUDE (owner_id, stage_id, amount, currency)
     WHERE status = 'OPEN' AND NOT is_deleted AND close_date IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_open_by_close_date;

ALTER INDEX deal_facts_open_by_close_date_new RENAME TO deal_facts_open_by_close_date

-- == 0010
CREATE TABLE activity_facts (
    tenant_id      uuid NOT NULL,
    activity_id    uuid NOT NULL,
    version        bigint NOT NULL,
    type           text NOT NULL CHECK (type IN ('EMAIL', 'CALL', 'MEETING', 'NOTE', 'TASK')),
    user_id        uuid,
    contact_ids    uuid[] NOT NULL,
    deal_id        uuid,
    direction      text CHECK (direction IN ('INBOUND', 'OUTBOUND')),
    occurred_at    timestamptz NOT NULL,
    completed_at   timestamptz,
    thread_id      uuid,
    in_reply_to    uuid,
    message_key    uuid,
    reference_keys uuid[] NOT NULL,
    is_automatic   boolean NOT NULL,
    is_system      boolean NOT NULL,
    is_deleted     boolean NOT NULL,
    counts         boolean NOT NULL GENERATED ALWAYS AS (NOT (is_automatic OR is_system OR is_deleted)) STORED,
    PRIMARY KEY (tenant_id, activity_id)
) WITH (fillfactor = 85);
-- All that counts by day reads, so that an ADMIN's report reads no table.
CREATE INDEX activity_facts_by_time ON activity_facts (tenant_id, occurred_at) INCLUDE (type, user_id)
 WHERE counts;
CREATE INDEX activity_facts_done ON activity_facts (tenant_id, completed_at) INCLUDE (type, user_id)
 WHERE counts AND type = 'TASK';
CREATE INDEX activity_facts_emails ON activity_facts (tenant_id, occurred_at, activity_id)
 WHERE counts AND type = 'EMAIL';;

ALTER TABLE activity_facts ADD CONSTRAINT activity_facts_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND completed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE activity_facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_facts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activity_facts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activity_facts TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE contacts ADD COLUMN owner_id uuid;

-- == 0011
ALTER TABLE deal_facts ADD COLUMN IF NOT EXISTS name text

-- == 0012
DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window_new;

CREATE INDEX CONCURRENTLY deal_facts_closed_in_window_new ON 
        deal_facts (tenant_id, pipeline_id, closed_at, deal_id) INCLUDE (owner_id, status, amount, currency, created_at)
         WHERE status <> 'OPEN' AND NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window;

ALTER INDEX deal_facts_closed_in_window_new RENAME TO deal_facts_closed_in_window;

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_won_new;

CREATE INDEX CONCURRENTLY deal_periods_won_new ON 
        deal_periods (tenant_id, closed_at, deal_id, valid_from) INCLUDE (owner_id) WHERE status = 'WON';

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_won;

ALTER INDEX deal_periods_won_new RENAME TO deal_periods_won

-- == 0013
DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_begin_new;

CREATE INDEX CONCURRENTLY deal_periods_by_begin_new ON deal_periods (tenant_id, pipeline_id, valid_from);

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_begin;

ALTER INDEX deal_periods_by_begin_new RENAME TO deal_periods_by_begin

-- == 0014
DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_deal_new;

CREATE INDEX CONCURRENTLY stage_transitions_by_deal_new ON stage_transitions (tenant_id, deal_id, to_stage_id, changed_at, version);

DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_deal;

ALTER INDEX stage_transitions_by_deal_new RENAME TO stage_transitions_by_deal

-- == 0015
DROP INDEX CONCURRENTLY IF EXISTS contacts_by_owner_new;

CREATE INDEX CONCURRENTLY contacts_by_owner_new ON contacts (tenant_id, owner_id) INCLUDE (id) WHERE owner_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS contacts_by_owner;

ALTER INDEX contacts_by_owner_new RENAME TO contacts_by_owner;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_by_owner_new;

CREATE INDEX CONCURRENTLY deal_facts_by_owner_new ON deal_facts (tenant_id, owner_id) INCLUDE (deal_id) WHERE NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_by_owner;

ALTER INDEX deal_facts_by_owner_new RENAME TO deal_facts_by_owner

-- == 0016
CREATE TABLE closing_rollup (
    tenant_id     uuid NOT NULL,
    pipeline_id   uuid NOT NULL,
    is_of_all     boolean NOT NULL,
    owner_id      uuid,
    closed_day    date,
    currency      text NOT NULL,
    status        text NOT NULL,
    stage_id      uuid NOT NULL,
    deal_count    bigint NOT NULL,
    valued_count  bigint NOT NULL,
    total_amount  numeric NOT NULL CHECK (abs(total_amount) < 'Infinity'),
    total_cycle_s numeric NOT NULL CHECK (abs(total_cycle_s) < 'Infinity')
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX closing_rollup_key ON closing_rollup
    (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id) NULLS NOT DISTINCT;;

ALTER TABLE closing_rollup ADD CONSTRAINT closing_rollup_in_time CHECK (closed_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE closing_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE closing_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON closing_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON closing_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON closing_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO closing_rollup (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id,
                            deal_count, valued_count, total_amount, total_cycle_s)
SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, owner_id, closed_day, currency, status, stage_id, count(*),
       count(*) FILTER (WHERE amount <> 0), COALESCE(sum(amount), 0),
       sum(extract(epoch FROM GREATEST(closed_at - created_at, interval '0')))
  FROM (SELECT *, (closed_at AT TIME ZONE 'UTC')::date AS closed_day FROM deal_facts) f
 WHERE status <> 'OPEN' AND NOT is_deleted
 GROUP BY tenant_id, pipeline_id, closed_day, currency, status, stage_id, GROUPING SETS ((owner_id), ());
DROP POLICY owner_repairs ON closing_rollup;
DROP POLICY owner_repairs ON deal_facts;

-- == 0017
DO $$ BEGIN
    IF to_regrole('reporting_bi') IS NULL THEN
        RAISE EXCEPTION 'there is no role reporting_bi: run crm-reporting provision, then this again';
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %%I TO reporting_bi', current_database());
END $$;

CREATE SCHEMA bi;
COMMENT ON SCHEMA bi IS 'Views for BI tools: deals, their past, activities and quotas of one tenant';

-- By the login's name, which nobody but an administrator can choose or change: not by current_user, which SET ROLE
-- changes. Of any other login there is no tenant, and so no row.
CREATE FUNCTION bi.reader_tenant() RETURNS uuid STABLE PARALLEL SAFE LANGUAGE sql
RETURN CASE WHEN session_user ~ '^reporting_bi_[0-9a-f]{32}$' THEN right(session_user::text, 32)::uuid END;

GRANT USAGE ON SCHEMA bi TO reporting_bi;
GRANT EXECUTE ON FUNCTION bi.reader_tenant() TO reporting_bi;;

CREATE POLICY bi_reads ON directory_tenants FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON directory_tenants AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, name, base_currency, time_zone) ON directory_tenants TO reporting_bi;;

CREATE POLICY bi_reads ON directory_users FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON directory_users AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, id, full_name, role, manager_id, active, time_zone) ON directory_users TO reporting_bi;;

CREATE POLICY bi_reads ON pipelines FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON pipelines AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, id, name, is_default, archived) ON pipelines TO reporting_bi;;

CREATE POLICY bi_reads ON stages FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON stages AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, id, pipeline_id, name, win_probability, kind, position, is_removed) ON stages TO reporting_bi;;

CREATE POLICY bi_reads ON contacts FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON contacts AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, id, owner_id, source, is_deleted) ON contacts TO reporting_bi;;

CREATE POLICY bi_reads ON deal_facts FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
    CREATE POLICY bi_is_held ON deal_facts AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
    GRANT SELECT (
    tenant_id, deal_id, name, pipeline_id, stage_id, owner_id, contact_id, status, amount, currency, close_date,
    created_at, stage_changed_at, closed_at, lost_reason, is_deleted
) ON deal_facts TO reporting_bi;;

CREATE POLICY bi_reads ON stage_transitions FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
    CREATE POLICY bi_is_held ON stage_transitions AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
    GRANT SELECT (
    tenant_id, deal_id, version, pipeline_id, from_stage_id, from_stage_name, to_stage_id, to_stage_name,
    changed_at, changed_by
) ON stage_transitions TO reporting_bi;;

CREATE POLICY bi_reads ON deal_periods FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
    CREATE POLICY bi_is_held ON deal_periods AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
    GRANT SELECT (
    tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id, status, owner_id, amount, currency,
    close_date, closed_at
) ON deal_periods TO reporting_bi;;

CREATE POLICY bi_reads ON activity_facts FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
    CREATE POLICY bi_is_held ON activity_facts AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
    GRANT SELECT (
    tenant_id, activity_id, type, user_id, contact_ids, deal_id, direction, occurred_at, completed_at, counts
) ON activity_facts TO reporting_bi;;

CREATE POLICY bi_reads ON quotas FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON quotas AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, user_id, first_day, amount, currency) ON quotas TO reporting_bi;;

CREATE POLICY bi_reads ON exchange_rates FOR SELECT TO reporting_bi USING (tenant_id = bi.reader_tenant());
CREATE POLICY bi_is_held ON exchange_rates AS RESTRICTIVE TO reporting_bi USING (tenant_id = bi.reader_tenant());
GRANT SELECT (tenant_id, base_currency, currency, effective_on, rate) ON exchange_rates TO reporting_bi;;

CREATE VIEW bi.tenant WITH (security_invoker = true, security_barrier = true) AS 
        SELECT t.tenant_id, t.name, t.base_currency, t.time_zone FROM directory_tenants t;

GRANT SELECT ON bi.tenant TO reporting_bi;

COMMENT ON VIEW bi.tenant IS 'The one tenant that this login sees: always one row';

COMMENT ON COLUMN bi.tenant.tenant_id IS 'Its id';

COMMENT ON COLUMN bi.tenant.name IS 'Its name';

COMMENT ON COLUMN bi.tenant.base_currency IS 'ISO 4217 code that amount_base and rates are in';

COMMENT ON COLUMN bi.tenant.time_zone IS 'IANA name: days of rates and of reports are of this zone';

CREATE VIEW bi.users WITH (security_invoker = true, security_barrier = true) AS 
        SELECT u.id AS user_id, u.full_name, u.role, u.manager_id, u.active AS is_active,
               COALESCE(u.time_zone, t.time_zone) AS time_zone
          FROM directory_users u
          JOIN directory_tenants t ON t.tenant_id = u.tenant_id;

GRANT SELECT ON bi.users TO reporting_bi;

COMMENT ON VIEW bi.users IS 'Everybody who works or worked there';

COMMENT ON COLUMN bi.users.user_id IS 'Id; owner_id, user_id, manager_id and changed_by elsewhere name it';

COMMENT ON COLUMN bi.users.full_name IS 'As shown';

COMMENT ON COLUMN bi.users.role IS 'ADMIN, MANAGER or REP';

COMMENT ON COLUMN bi.users.manager_id IS 'Who they report to; null for none';

COMMENT ON COLUMN bi.users.is_active IS 'False once they left';

COMMENT ON COLUMN bi.users.time_zone IS 'IANA name: their own, else the tenant''s';

CREATE VIEW bi.pipelines WITH (security_invoker = true, security_barrier = true) AS 
        SELECT p.id AS pipeline_id, p.name, p.is_default, p.archived AS is_archived FROM pipelines p;

GRANT SELECT ON bi.pipelines TO reporting_bi;

COMMENT ON VIEW bi.pipelines IS 'Pipelines, archived ones too';

COMMENT ON COLUMN bi.pipelines.pipeline_id IS 'Id';

COMMENT ON COLUMN bi.pipelines.name IS 'As shown';

COMMENT ON COLUMN bi.pipelines.is_default IS 'True for the one that reports take where none is named';

COMMENT ON COLUMN bi.pipelines.is_archived IS 'True where nothing new goes in';

CREATE VIEW bi.stages WITH (security_invoker = true, security_barrier = true) AS 
        SELECT s.id AS stage_id, s.pipeline_id, s.name, s.kind, s.win_probability, s.position, s.is_removed
          FROM stages s;

GRANT SELECT ON bi.stages TO reporting_bi;

COMMENT ON VIEW bi.stages IS 'Stages of pipelines as they are now';

COMMENT ON COLUMN bi.stages.stage_id IS 'Id';

COMMENT ON COLUMN bi.stages.pipeline_id IS 'Its pipeline';

COMMENT ON COLUMN bi.stages.name IS 'As shown now';

COMMENT ON COLUMN bi.stages.kind IS 'OPEN, WON or LOST: what a deal that stands in it is';

COMMENT ON COLUMN bi.stages.win_probability IS 'Whole percent, 0 to 100';

COMMENT ON COLUMN bi.stages.position IS 'Order in the pipeline, lowest first';

COMMENT ON COLUMN bi.stages.is_removed IS 'True where it has left its pipeline, and past moves still name it';

CREATE VIEW bi.contacts WITH (security_invoker = true, security_barrier = true) AS 
        SELECT c.id AS contact_id, c.owner_id, c.source FROM contacts c WHERE NOT c.is_deleted;

GRANT SELECT ON bi.contacts TO reporting_bi;

COMMENT ON VIEW bi.contacts IS 'Contacts without anything that names a person';

COMMENT ON COLUMN bi.contacts.contact_id IS 'Id';

COMMENT ON COLUMN bi.contacts.owner_id IS 'The user who answers for it';

COMMENT ON COLUMN bi.contacts.source IS 'INBOUND, OUTBOUND or REFERRAL; null where not known';

CREATE VIEW bi.deals WITH (security_invoker = true, security_barrier = true) AS 
        SELECT d.deal_id, d.name, d.pipeline_id, p.name AS pipeline_name, d.stage_id, s.name AS stage_name, d.status,
               s.win_probability, d.owner_id, u.full_name AS owner_name, d.contact_id, c.source AS contact_source,
               d.amount, d.currency, d.amount * r.rate AS amount_base, t.base_currency, d.close_date, d.created_at,
               d.stage_changed_at, d.closed_at, d.lost_reason
          FROM deal_facts d
          JOIN directory_tenants t ON t.tenant_id = d.tenant_id
          LEFT JOIN pipelines p ON (p.tenant_id, p.id) = (d.tenant_id, d.pipeline_id)
          LEFT JOIN stages s ON (s.tenant_id, s.id) = (d.tenant_id, d.stage_id)
          LEFT JOIN directory_users u ON (u.tenant_id, u.id) = (d.tenant_id, d.owner_id)
          LEFT JOIN contacts c ON (c.tenant_id, c.id) = (d.tenant_id, d.contact_id)
          LEFT JOIN LATERAL (
                SELECT 1::numeric AS rate WHERE d.currency = t.base_currency
                UNION ALL
                (SELECT e.rate
                   FROM exchange_rates e
                  WHERE e.tenant_id = d.tenant_id AND e.base_currency = t.base_currency AND e.currency = d.currency
                    AND d.currency <> t.base_currency
                    AND e.effective_on <= (COALESCE(d.closed_at, now()) AT TIME ZONE t.time_zone)::date
                  ORDER BY e.effective_on DESC LIMIT 1)
               ) r ON true
         WHERE NOT d.is_deleted;

GRANT SELECT ON bi.deals TO reporting_bi;

COMMENT ON VIEW bi.deals IS 'A row for each deal as it stands, deleted ones left out';

COMMENT ON COLUMN bi.deals.deal_id IS 'Id';

COMMENT ON COLUMN bi.deals.name IS 'As shown';

COMMENT ON COLUMN bi.deals.pipeline_id IS 'Its pipeline';

COMMENT ON COLUMN bi.deals.pipeline_name IS 'That pipeline''s name';

COMMENT ON COLUMN bi.deals.stage_id IS 'The stage that it stands in';

COMMENT ON COLUMN bi.deals.stage_name IS 'That stage''s name';

COMMENT ON COLUMN bi.deals.status IS 'OPEN, WON or LOST';

COMMENT ON COLUMN bi.deals.win_probability IS 'Whole percent of its stage: amount * win_probability / 100 is its weighted amount';

COMMENT ON COLUMN bi.deals.owner_id IS 'The user who answers for it';

COMMENT ON COLUMN bi.deals.owner_name IS 'That user''s name';

COMMENT ON COLUMN bi.deals.contact_id IS 'Its contact, null for none';

COMMENT ON COLUMN bi.deals.contact_source IS 'Where that contact came from';

COMMENT ON COLUMN bi.deals.amount IS 'In currency; null where none is given, which counts as 0';

COMMENT ON COLUMN bi.deals.currency IS 'ISO 4217 code of amount';

COMMENT ON COLUMN bi.deals.amount_base IS 'In base_currency, at the rate of the closing day or, while open, of today; null without a rate';

COMMENT ON COLUMN bi.deals.base_currency IS 'ISO 4217 code of amount_base';

COMMENT ON COLUMN bi.deals.close_date IS 'When it is expected to close';

COMMENT ON COLUMN bi.deals.created_at IS 'When it began, UTC';

COMMENT ON COLUMN bi.deals.stage_changed_at IS 'When it came into its stage, UTC';

COMMENT ON COLUMN bi.deals.closed_at IS 'When it was won or lost, UTC; null while open';

COMMENT ON COLUMN bi.deals.lost_reason IS 'What was given as the reason; null for none';

CREATE VIEW bi.stage_moves WITH (security_invoker = true, security_barrier = true) AS 
        SELECT m.deal_id, m.version, m.pipeline_id, m.from_stage_id, m.from_stage_name, m.to_stage_id, m.to_stage_name,
               m.changed_at, m.changed_by
          FROM stage_transitions m
          JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (m.tenant_id, m.deal_id) AND NOT d.is_deleted;

GRANT SELECT ON bi.stage_moves TO reporting_bi;

COMMENT ON VIEW bi.stage_moves IS 'Every entry of a deal into a stage, its creation included; deleted deals left out';

COMMENT ON COLUMN bi.stage_moves.deal_id IS 'The deal';

COMMENT ON COLUMN bi.stage_moves.version IS 'Order of the deal''s changes, where two are of one instant';

COMMENT ON COLUMN bi.stage_moves.pipeline_id IS 'The pipeline of the stage entered; null where not known';

COMMENT ON COLUMN bi.stage_moves.from_stage_id IS 'The stage left; null at the creation';

COMMENT ON COLUMN bi.stage_moves.from_stage_name IS 'Its name at that time';

COMMENT ON COLUMN bi.stage_moves.to_stage_id IS 'The stage entered';

COMMENT ON COLUMN bi.stage_moves.to_stage_name IS 'Its name at that time';

COMMENT ON COLUMN bi.stage_moves.changed_at IS 'When, UTC';

COMMENT ON COLUMN bi.stage_moves.changed_by IS 'The user who moved it; null for the system or where not known';

CREATE VIEW bi.deal_history WITH (security_invoker = true, security_barrier = true) AS 
        SELECT h.deal_id, h.valid_from, h.valid_to, h.pipeline_id, h.stage_id, h.status, h.owner_id, h.amount,
               h.currency, h.close_date, h.closed_at
          FROM deal_periods h;

GRANT SELECT ON bi.deal_history TO reporting_bi;

COMMENT ON VIEW bi.deal_history IS 'What each deal was, from one moment until before another: the deals of a past moment are those with valid_from <= moment and (valid_to > moment or valid_to is null)';

COMMENT ON COLUMN bi.deal_history.deal_id IS 'The deal';

COMMENT ON COLUMN bi.deal_history.valid_from IS 'From when on, UTC';

COMMENT ON COLUMN bi.deal_history.valid_to IS 'Until before when, UTC; null: still so';

COMMENT ON COLUMN bi.deal_history.pipeline_id IS 'Its pipeline then';

COMMENT ON COLUMN bi.deal_history.stage_id IS 'Its stage then';

COMMENT ON COLUMN bi.deal_history.status IS 'OPEN, WON or LOST then';

COMMENT ON COLUMN bi.deal_history.owner_id IS 'Its owner then';

COMMENT ON COLUMN bi.deal_history.amount IS 'Its amount then, in currency';

COMMENT ON COLUMN bi.deal_history.currency IS 'ISO 4217 code of amount';

COMMENT ON COLUMN bi.deal_history.close_date IS 'When it was expected to close';

COMMENT ON COLUMN bi.deal_history.closed_at IS 'When it was won or lost, of a closed one';

CREATE VIEW bi.activities WITH (security_invoker = true, security_barrier = true) AS 
        SELECT a.activity_id, a.type, a.user_id, u.full_name AS user_name, a.contact_ids[1] AS contact_id, a.deal_id,
               a.direction, a.occurred_at, a.completed_at
          FROM activity_facts a
          LEFT JOIN directory_users u ON (u.tenant_id, u.id) = (a.tenant_id, a.user_id)
         WHERE a.counts;

GRANT SELECT ON bi.activities TO reporting_bi;

COMMENT ON VIEW bi.activities IS 'E-mails, calls, meetings, notes and tasks that people did; automatic mail and the system''s notes left out';

COMMENT ON COLUMN bi.activities.activity_id IS 'Id';

COMMENT ON COLUMN bi.activities.type IS 'EMAIL, CALL, MEETING, NOTE or TASK';

COMMENT ON COLUMN bi.activities.user_id IS 'Whose it is';

COMMENT ON COLUMN bi.activities.user_name IS 'That user''s name';

COMMENT ON COLUMN bi.activities.contact_id IS 'The first of its contacts; null for none';

COMMENT ON COLUMN bi.activities.deal_id IS 'Its deal; null for none';

COMMENT ON COLUMN bi.activities.direction IS 'INBOUND or OUTBOUND, of e-mails and calls';

COMMENT ON COLUMN bi.activities.occurred_at IS 'When it happened or was written, UTC';

COMMENT ON COLUMN bi.activities.completed_at IS 'When it was done, UTC; of tasks and meetings';

CREATE VIEW bi.quotas WITH (security_invoker = true, security_barrier = true) AS 
        SELECT q.user_id, q.first_day AS month, q.amount, q.currency FROM quotas q;

GRANT SELECT ON bi.quotas TO reporting_bi;

COMMENT ON VIEW bi.quotas IS 'What a user is to win in a month';

COMMENT ON COLUMN bi.quotas.user_id IS 'The user';

COMMENT ON COLUMN bi.quotas.month IS 'The month''s first day';

COMMENT ON COLUMN bi.quotas.amount IS 'In currency';

COMMENT ON COLUMN bi.quotas.currency IS 'ISO 4217 code of amount';

CREATE VIEW bi.exchange_rates WITH (security_invoker = true, security_barrier = true) AS 
        SELECT e.currency, e.base_currency, e.effective_on, e.rate FROM exchange_rates e;

GRANT SELECT ON bi.exchange_rates TO reporting_bi;

COMMENT ON VIEW bi.exchange_rates IS 'Dated rates; one counts from its day until the next one''s';

COMMENT ON COLUMN bi.exchange_rates.currency IS 'ISO 4217 code';

COMMENT ON COLUMN bi.exchange_rates.base_currency IS 'ISO 4217 code';

COMMENT ON COLUMN bi.exchange_rates.effective_on IS 'The first day';

COMMENT ON COLUMN bi.exchange_rates.rate IS 'Units of base_currency for 1 unit of currency'

-- == 0018
CREATE TABLE stage_stays (
    tenant_id    uuid NOT NULL,
    deal_id      uuid NOT NULL,
    version      bigint NOT NULL,
    stage_id     uuid NOT NULL,
    owner_id     uuid,
    lasted_s     double precision NOT NULL CHECK (lasted_s >= 0 AND lasted_s < 'Infinity'),
    length_class integer NOT NULL GENERATED ALWAYS AS (floor(ln(lasted_s + 1) * 16)::integer) STORED,
    PRIMARY KEY (tenant_id, deal_id, version)
) WITH (fillfactor = 85);
-- In the order of their lengths, so that the one at any place is found from the first of its class on.
CREATE INDEX stage_stays_by_length ON stage_stays (tenant_id, stage_id, length_class, lasted_s) INCLUDE (owner_id);

CREATE TABLE stay_rollup (
    tenant_id    uuid NOT NULL,
    stage_id     uuid NOT NULL,
    owner_id     uuid,
    length_class integer NOT NULL,
    stay_count   bigint NOT NULL,
    total_s      numeric NOT NULL CHECK (abs(total_s) < 'Infinity')
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX stay_rollup_key ON stay_rollup (tenant_id, stage_id, owner_id, length_class) NULLS NOT DISTINCT;;

ALTER TABLE stage_stays ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_stays FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_stays
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_stays TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE stay_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE stay_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stay_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stay_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON stage_transitions TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON stage_stays TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON stay_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts, stage_transitions IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO stage_stays (tenant_id, deal_id, version, stage_id, owner_id, lasted_s)
SELECT tenant_id, deal_id, version, to_stage_id, owner_id, extract(epoch FROM left_at - changed_at)::float8
  FROM (SELECT t.tenant_id, t.deal_id, t.version, t.to_stage_id, f.owner_id, t.changed_at,
               lead(t.changed_at) OVER (PARTITION BY t.tenant_id, t.deal_id ORDER BY t.changed_at, t.version)
                   AS left_at
          FROM stage_transitions t
          JOIN deal_facts f USING (tenant_id, deal_id)
         WHERE NOT f.is_deleted) entered
 WHERE left_at IS NOT NULL;
INSERT INTO stay_rollup (tenant_id, stage_id, owner_id, length_class, stay_count, total_s)
SELECT tenant_id, stage_id, owner_id, length_class, count(*), sum(lasted_s::numeric)
  FROM stage_stays
 GROUP BY 1, 2, 3, 4;
DROP POLICY owner_repairs ON stay_rollup;
DROP POLICY owner_repairs ON stage_stays;
DROP POLICY owner_repairs ON deal_facts;
DROP POLICY owner_repairs ON stage_transitions;

-- == 0019
DROP INDEX CONCURRENTLY IF EXISTS deal_facts_open_by_stage_new;

CREATE INDEX CONCURRENTLY deal_facts_open_by_stage_new ON 
    deal_facts (tenant_id, stage_id, stage_changed_at) INCLUDE (owner_id)
     WHERE status = 'OPEN' AND NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_open_by_stage;

ALTER INDEX deal_facts_open_by_stage_new RENAME TO deal_facts_open_by_stage

-- == 0020
CREATE SCHEMA IF NOT EXISTS rebuild;
DO $$
DECLARE
    service text := regexp_replace(current_user, '_owner$', '');
    app     text := quote_ident(service || '_app');
    worker  text := quote_ident(service || '_worker');
BEGIN
    IF service = current_user THEN
        RAISE EXCEPTION 'schema rebuild is created by the role <service>_owner, not by %%', current_user;
    END IF;
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA rebuild TO %%s', worker);
END $$;

-- == 0021
DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_begin_new;

CREATE INDEX CONCURRENTLY deal_periods_by_begin_new ON deal_periods (tenant_id, valid_from) INCLUDE (pipeline_id, valid_to);

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_begin;

ALTER INDEX deal_periods_by_begin_new RENAME TO deal_periods_by_begin;

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_end_new;

CREATE INDEX CONCURRENTLY deal_periods_by_end_new ON deal_periods (tenant_id, valid_to, valid_from) INCLUDE (pipeline_id);

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_by_end;

ALTER INDEX deal_periods_by_end_new RENAME TO deal_periods_by_end;

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_closed_new;

CREATE INDEX CONCURRENTLY deal_periods_closed_new ON 
        deal_periods (tenant_id, pipeline_id, closed_at) INCLUDE (valid_from, valid_to) WHERE status <> 'OPEN';

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_closed;

ALTER INDEX deal_periods_closed_new RENAME TO deal_periods_closed;

CREATE TABLE period_rollup (
    tenant_id             uuid NOT NULL,
    pipeline_id           uuid NOT NULL,
    is_of_all             boolean NOT NULL,
    is_month              boolean NOT NULL,
    owner_id              uuid,
    first_day             date NOT NULL,
    held_by               uuid,
    is_open               boolean NOT NULL,
    stage_id              uuid NOT NULL,
    currency              text NOT NULL,
    closed_day            date,
    deal_count            bigint NOT NULL,
    valued_count          bigint NOT NULL,
    total_amount          numeric NOT NULL CHECK (abs(total_amount) < 'Infinity'),
    created_epoch_s       numeric NOT NULL CHECK (abs(created_epoch_s) < 'Infinity'),
    stage_changed_epoch_s numeric NOT NULL CHECK (abs(stage_changed_epoch_s) < 'Infinity')
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX period_rollup_key ON period_rollup
    (tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open, stage_id, currency,
     closed_day) NULLS NOT DISTINCT;;

ALTER TABLE period_rollup ADD CONSTRAINT period_rollup_in_time CHECK (first_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND closed_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE period_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE period_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON period_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON period_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON period_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO period_rollup (tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open,
                           stage_id, currency, closed_day, deal_count, valued_count, total_amount, created_epoch_s,
                           stage_changed_epoch_s)
SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, grouping(day) = 1, owner_id, COALESCE(day, month), held_by,
       is_open, stage_id, currency, closed_day, sum(deal_count), sum(valued_count), sum(total_amount),
       sum(created_epoch_s), sum(stage_changed_epoch_s)
  FROM (SELECT d.*, date_trunc('month', d.day::timestamp)::date AS month
          FROM (SELECT p.tenant_id, p.pipeline_id, f.owner_id, p.owner_id AS held_by, p.status = 'OPEN' AS is_open,
                       p.stage_id, p.currency,
                       CASE WHEN p.status <> 'OPEN' THEN (p.closed_at AT TIME ZONE 'UTC')::date END AS closed_day,
                       (b.at AT TIME ZONE 'UTC')::date AS day, sum(b.sign) AS deal_count,
                       COALESCE(sum(b.sign) FILTER (WHERE p.amount <> 0), 0) AS valued_count,
                       COALESCE(sum(b.sign * p.amount), 0) AS total_amount,
                       sum(b.sign * extract(epoch FROM f.created_at)) AS created_epoch_s,
                       sum(b.sign * extract(epoch FROM p.stage_changed_at)) AS stage_changed_epoch_s
                  FROM deal_periods p
                  JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (p.tenant_id, p.deal_id)
                 CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS b (sign, at)
                 WHERE b.at IS NOT NULL
                 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9) d) b
 GROUP BY tenant_id, pipeline_id, is_open, stage_id, currency, closed_day,
          GROUPING SETS ((owner_id, held_by, day), (owner_id, held_by, month), (day), (month))
HAVING (sum(deal_count), sum(valued_count), sum(total_amount), sum(created_epoch_s), sum(stage_changed_epoch_s))
       <> (0, 0, 0, 0, 0);
DROP POLICY owner_repairs ON period_rollup;
DROP POLICY owner_repairs ON deal_periods;
DROP POLICY owner_repairs ON deal_facts;

-- == 0022
-- All that a tenant has set, as its newest event said. Null: not heard since this column came.
ALTER TABLE directory_tenants ADD COLUMN state jsonb;

-- == 0023
CREATE TABLE activity_rollup (
    tenant_id  uuid NOT NULL,
    done_day   date NOT NULL,
    user_id    uuid NOT NULL,
    calls      bigint NOT NULL,
    emails     bigint NOT NULL,
    meetings   bigint NOT NULL,
    notes      bigint NOT NULL,
    tasks_done bigint NOT NULL,
    PRIMARY KEY (tenant_id, done_day, user_id)
) WITH (fillfactor = 70);;

ALTER TABLE activity_rollup ADD CONSTRAINT activity_rollup_in_time CHECK (done_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE activity_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE activity_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON activity_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON activity_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON activity_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO activity_rollup (tenant_id, done_day, user_id, calls, emails, meetings, notes, tasks_done)
SELECT tenant_id, (done_at AT TIME ZONE 'UTC')::date, user_id, count(*) FILTER (WHERE type = 'CALL'),
       count(*) FILTER (WHERE type = 'EMAIL'), count(*) FILTER (WHERE type = 'MEETING'),
       count(*) FILTER (WHERE type = 'NOTE'), count(*) FILTER (WHERE type = 'TASK')
  FROM (SELECT *, CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END AS done_at FROM activity_facts) f
 WHERE counts AND user_id IS NOT NULL AND done_at IS NOT NULL
 GROUP BY 1, 2, 3;
DROP POLICY owner_repairs ON activity_rollup;
DROP POLICY owner_repairs ON activity_facts;

-- == 0024
CREATE TABLE handed_over_wins (
    tenant_id   uuid NOT NULL,
    deal_id     uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    owner_id    uuid,
    winner_id   uuid,
    contact_id  uuid,
    closed_at   timestamptz NOT NULL,
    currency    text NOT NULL,
    amount      numeric CHECK (abs(amount) < 'Infinity'),
    PRIMARY KEY (tenant_id, deal_id)
) WITH (fillfactor = 85);
CREATE INDEX handed_over_wins_by_time ON handed_over_wins (tenant_id, pipeline_id, closed_at);;

ALTER TABLE handed_over_wins ADD CONSTRAINT handed_over_wins_in_time CHECK (closed_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE handed_over_wins ENABLE ROW LEVEL SECURITY;
ALTER TABLE handed_over_wins FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON handed_over_wins
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON handed_over_wins TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON handed_over_wins TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO handed_over_wins (tenant_id, deal_id, pipeline_id, owner_id, winner_id, contact_id, closed_at, currency,
                              amount)
SELECT f.tenant_id, f.deal_id, f.pipeline_id, f.owner_id, p.owner_id, f.contact_id, f.closed_at, f.currency,
       f.amount
  FROM deal_facts f
  JOIN (SELECT DISTINCT ON (tenant_id, deal_id, closed_at) tenant_id, deal_id, closed_at, owner_id
          FROM deal_periods
         WHERE status = 'WON'
         ORDER BY tenant_id, deal_id, closed_at, valid_from) p USING (tenant_id, deal_id, closed_at)
 WHERE f.status = 'WON' AND NOT f.is_deleted AND p.owner_id IS DISTINCT FROM f.owner_id;
DROP POLICY owner_repairs ON deal_periods;
DROP POLICY owner_repairs ON deal_facts;
DROP POLICY owner_repairs ON handed_over_wins;

-- == 0025
DROP INDEX CONCURRENTLY IF EXISTS activity_facts_thread_new;

CREATE INDEX CONCURRENTLY activity_facts_thread_new ON 
        activity_facts (tenant_id, thread_id, direction, occurred_at, activity_id) WHERE counts AND type = 'EMAIL';

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_thread;

ALTER INDEX activity_facts_thread_new RENAME TO activity_facts_thread;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_named_new;

CREATE INDEX CONCURRENTLY activity_facts_named_new ON 
        activity_facts (tenant_id, in_reply_to, occurred_at, activity_id)
         WHERE counts AND type = 'EMAIL' AND direction = 'INBOUND' AND in_reply_to IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_named;

ALTER INDEX activity_facts_named_new RENAME TO activity_facts_named;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_message_new;

CREATE INDEX CONCURRENTLY activity_facts_message_new ON activity_facts (tenant_id, message_key) WHERE message_key IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_message;

ALTER INDEX activity_facts_message_new RENAME TO activity_facts_message;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_references_new;

CREATE INDEX CONCURRENTLY activity_facts_references_new ON 
        activity_facts USING gin (reference_keys) WHERE counts AND type = 'EMAIL' AND direction = 'INBOUND';

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_references;

ALTER INDEX activity_facts_references_new RENAME TO activity_facts_references;

CREATE TABLE email_contacts (
    tenant_id   uuid NOT NULL,
    email_id    uuid NOT NULL,
    contact_id  uuid NOT NULL,
    is_received boolean NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, email_id, contact_id)
);
CREATE INDEX email_contacts_stream ON email_contacts (tenant_id, contact_id, is_received, occurred_at, email_id);

CREATE TABLE received_emails (
    tenant_id   uuid NOT NULL,
    email_id    uuid NOT NULL,
    user_id     uuid,
    received_at timestamptz NOT NULL,
    reply_id    uuid,
    PRIMARY KEY (tenant_id, email_id)
) WITH (fillfactor = 85);
CREATE INDEX received_emails_by_reply ON received_emails (tenant_id, reply_id, received_at, email_id)
 WHERE reply_id IS NOT NULL;
CREATE INDEX received_emails_waiting ON received_emails (tenant_id, user_id, received_at) WHERE reply_id IS NULL;

CREATE TABLE sent_emails (
    tenant_id      uuid NOT NULL,
    email_id       uuid NOT NULL,
    user_id        uuid,
    sent_at        timestamptz NOT NULL,
    answer_id      uuid,
    answered_at    timestamptz,
    block_user_id  uuid,
    block_began_at timestamptz,
    PRIMARY KEY (tenant_id, email_id)
) WITH (fillfactor = 85);
CREATE INDEX sent_emails_by_answer ON sent_emails (tenant_id, answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX sent_emails_by_time ON sent_emails (tenant_id, sent_at) INCLUDE (user_id, answered_at);
CREATE INDEX sent_emails_by_block ON sent_emails (tenant_id, block_began_at) INCLUDE (block_user_id, sent_at)
 WHERE block_began_at IS NOT NULL;;

ALTER TABLE email_contacts ADD CONSTRAINT email_contacts_in_time CHECK (occurred_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE email_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE email_contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON email_contacts
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON email_contacts TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE received_emails ADD CONSTRAINT received_emails_in_time CHECK (received_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE received_emails ENABLE ROW LEVEL SECURITY;
ALTER TABLE received_emails FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON received_emails
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON received_emails TO reporting_worker USING (true) WITH CHECK (true);;

ALTER TABLE sent_emails ADD CONSTRAINT sent_emails_in_time CHECK (sent_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND answered_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND block_began_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE sent_emails ENABLE ROW LEVEL SECURITY;
ALTER TABLE sent_emails FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON sent_emails
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON sent_emails TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON email_contacts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON received_emails TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON sent_emails TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
SET LOCAL enable_nestloop = off;
INSERT INTO email_contacts (tenant_id, email_id, contact_id, is_received, occurred_at)
SELECT a.tenant_id, a.activity_id, k.contact_id, a.direction = 'INBOUND', a.occurred_at
  FROM activity_facts a
 CROSS JOIN LATERAL (SELECT DISTINCT unnest(a.contact_ids) AS contact_id) k
 WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts;
INSERT INTO received_emails (tenant_id, email_id, user_id, received_at, reply_id)
WITH 
emails AS MATERIALIZED (
    SELECT a.tenant_id, a.activity_id, a.user_id, a.occurred_at, a.thread_id, a.contact_ids, a.in_reply_to,
           a.message_key, a.reference_keys, a.direction = 'OUTBOUND' AS is_ours,
           row_number() OVER (ORDER BY a.tenant_id, a.occurred_at, a.activity_id) AS place
      FROM activity_facts a
     WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts
), threads AS (
    SELECT e.place, e.is_ours,
           min(e.place) FILTER (WHERE e.is_ours)
               OVER (PARTITION BY e.tenant_id, e.thread_id ORDER BY e.place DESC) AS next_sent
      FROM emails e
), streams AS (
    SELECT s.place, s.is_ours,
           min(s.place) FILTER (WHERE s.is_ours) OVER behind AS next_sent,
           min(s.place) FILTER (WHERE NOT s.is_ours) OVER behind AS next_received
      FROM (SELECT e.tenant_id, e.place, e.is_ours, unnest(e.contact_ids) AS contact_id FROM emails e) s
    WINDOW behind AS (PARTITION BY s.tenant_id, s.contact_id ORDER BY s.place DESC)
), by_contact AS MATERIALIZED (
    SELECT e.place, min(n.place) AS next
      FROM (SELECT s.place, min(CASE WHEN s.is_ours THEN s.next_received ELSE s.next_sent END) AS next
              FROM streams s
             GROUP BY s.place) f
      JOIN emails e ON e.place = f.place
      JOIN emails n ON n.place = f.next AND n.occurred_at <= e.occurred_at + interval '168 hours'
     GROUP BY e.place
), replies AS MATERIALIZED (
    SELECT e.tenant_id, e.activity_id, e.user_id, e.occurred_at, e.place, COALESCE(t.next_sent, c.next) AS reply
      FROM emails e
      JOIN threads t ON t.place = e.place
      LEFT JOIN by_contact c ON c.place = e.place
     WHERE NOT e.is_ours
), named AS (
    SELECT s.place, r.place AS answer
      FROM emails s
      JOIN emails r ON r.in_reply_to = s.activity_id AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id
                   AND NOT r.is_ours AND r.occurred_at >= s.occurred_at
     WHERE s.is_ours
     UNION ALL
    SELECT s.place, r.place
      FROM emails s
      JOIN (SELECT e.tenant_id, e.place, e.occurred_at, unnest(e.reference_keys) AS key
              FROM emails e
             WHERE NOT e.is_ours) r
        ON r.key = s.message_key AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id AND r.occurred_at >= s.occurred_at
     WHERE s.is_ours
     UNION ALL
    SELECT c.place, c.next FROM by_contact c JOIN emails s ON s.place = c.place AND s.is_ours
), answers AS (
    SELECT place, min(answer) AS answer FROM named GROUP BY place
), blocks AS (
    SELECT reply, min(place) AS place FROM replies WHERE reply IS NOT NULL GROUP BY reply
), found_received AS MATERIALIZED (
    SELECT m.tenant_id, m.activity_id AS email_id, m.user_id, m.occurred_at AS received_at,
           r.activity_id AS reply_id
      FROM replies m
      LEFT JOIN emails r ON r.place = m.reply
), found_sent AS MATERIALIZED (
    SELECT s.tenant_id, s.activity_id AS email_id, s.user_id, s.occurred_at AS sent_at,
           r.activity_id AS answer_id, r.occurred_at AS answered_at, m.user_id AS block_user_id,
           m.occurred_at AS block_began_at
      FROM emails s
      LEFT JOIN answers a ON a.place = s.place
      LEFT JOIN emails r ON r.place = a.answer
      LEFT JOIN blocks b ON b.reply = s.place
      LEFT JOIN emails m ON m.place = b.place
     WHERE s.is_ours
)
SELECT * FROM found_received;
INSERT INTO sent_emails (tenant_id, email_id, user_id, sent_at, answer_id, answered_at, block_user_id,
                         block_began_at)
WITH 
emails AS MATERIALIZED (
    SELECT a.tenant_id, a.activity_id, a.user_id, a.occurred_at, a.thread_id, a.contact_ids, a.in_reply_to,
           a.message_key, a.reference_keys, a.direction = 'OUTBOUND' AS is_ours,
           row_number() OVER (ORDER BY a.tenant_id, a.occurred_at, a.activity_id) AS place
      FROM activity_facts a
     WHERE a.type = 'EMAIL' AND a.direction IS NOT NULL AND a.counts
), threads AS (
    SELECT e.place, e.is_ours,
           min(e.place) FILTER (WHERE e.is_ours)
               OVER (PARTITION BY e.tenant_id, e.thread_id ORDER BY e.place DESC) AS next_sent
      FROM emails e
), streams AS (
    SELECT s.place, s.is_ours,
           min(s.place) FILTER (WHERE s.is_ours) OVER behind AS next_sent,
           min(s.place) FILTER (WHERE NOT s.is_ours) OVER behind AS next_received
      FROM (SELECT e.tenant_id, e.place, e.is_ours, unnest(e.contact_ids) AS contact_id FROM emails e) s
    WINDOW behind AS (PARTITION BY s.tenant_id, s.contact_id ORDER BY s.place DESC)
), by_contact AS MATERIALIZED (
    SELECT e.place, min(n.place) AS next
      FROM (SELECT s.place, min(CASE WHEN s.is_ours THEN s.next_received ELSE s.next_sent END) AS next
              FROM streams s
             GROUP BY s.place) f
      JOIN emails e ON e.place = f.place
      JOIN emails n ON n.place = f.next AND n.occurred_at <= e.occurred_at + interval '168 hours'
     GROUP BY e.place
), replies AS MATERIALIZED (
    SELECT e.tenant_id, e.activity_id, e.user_id, e.occurred_at, e.place, COALESCE(t.next_sent, c.next) AS reply
      FROM emails e
      JOIN threads t ON t.place = e.place
      LEFT JOIN by_contact c ON c.place = e.place
     WHERE NOT e.is_ours
), named AS (
    SELECT s.place, r.place AS answer
      FROM emails s
      JOIN emails r ON r.in_reply_to = s.activity_id AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id
                   AND NOT r.is_ours AND r.occurred_at >= s.occurred_at
     WHERE s.is_ours
     UNION ALL
    SELECT s.place, r.place
      FROM emails s
      JOIN (SELECT e.tenant_id, e.place, e.occurred_at, unnest(e.reference_keys) AS key
              FROM emails e
             WHERE NOT e.is_ours) r
        ON r.key = s.message_key AND r.tenant_id IS NOT DISTINCT FROM s.tenant_id AND r.occurred_at >= s.occurred_at
     WHERE s.is_ours
     UNION ALL
    SELECT c.place, c.next FROM by_contact c JOIN emails s ON s.place = c.place AND s.is_ours
), answers AS (
    SELECT place, min(answer) AS answer FROM named GROUP BY place
), blocks AS (
    SELECT reply, min(place) AS place FROM replies WHERE reply IS NOT NULL GROUP BY reply
), found_received AS MATERIALIZED (
    SELECT m.tenant_id, m.activity_id AS email_id, m.user_id, m.occurred_at AS received_at,
           r.activity_id AS reply_id
      FROM replies m
      LEFT JOIN emails r ON r.place = m.reply
), found_sent AS MATERIALIZED (
    SELECT s.tenant_id, s.activity_id AS email_id, s.user_id, s.occurred_at AS sent_at,
           r.activity_id AS answer_id, r.occurred_at AS answered_at, m.user_id AS block_user_id,
           m.occurred_at AS block_began_at
      FROM emails s
      LEFT JOIN answers a ON a.place = s.place
      LEFT JOIN emails r ON r.place = a.answer
      LEFT JOIN blocks b ON b.reply = s.place
      LEFT JOIN emails m ON m.place = b.place
     WHERE s.is_ours
)
SELECT * FROM found_sent;
DROP POLICY owner_repairs ON sent_emails;
DROP POLICY owner_repairs ON received_emails;
DROP POLICY owner_repairs ON email_contacts;
DROP POLICY owner_repairs ON activity_facts;

-- == 0026
CREATE TABLE loss_rollup (
    tenant_id   uuid NOT NULL,
    pipeline_id uuid NOT NULL,
    is_of_all   boolean NOT NULL,
    owner_id    uuid,
    closed_day  date NOT NULL,
    lost_reason text,
    deal_count  bigint NOT NULL
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX loss_rollup_key ON loss_rollup
    (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason) NULLS NOT DISTINCT;;

ALTER TABLE loss_rollup ADD CONSTRAINT loss_rollup_in_time CHECK (closed_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE loss_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE loss_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON loss_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON loss_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON loss_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO loss_rollup (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason, deal_count)
SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, owner_id, closed_day, lost_reason, count(*)
  FROM (SELECT *, (closed_at AT TIME ZONE 'UTC')::date AS closed_day FROM deal_facts) f
 WHERE status = 'LOST' AND NOT is_deleted AND closed_day IS NOT NULL
 GROUP BY tenant_id, pipeline_id, closed_day, lost_reason, GROUPING SETS ((owner_id), ());
DROP POLICY owner_repairs ON loss_rollup;
DROP POLICY owner_repairs ON deal_facts;

-- == 0027
DROP INDEX CONCURRENTLY IF EXISTS activity_facts_references_new;

CREATE INDEX CONCURRENTLY activity_facts_references_new ON activity_facts USING gin (reference_keys) WITH (fastupdate = off);

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_references;

ALTER INDEX activity_facts_references_new RENAME TO activity_facts_references

-- == 0028
DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window_new;

CREATE INDEX CONCURRENTLY deal_facts_closed_in_window_new ON 
    deal_facts (tenant_id, pipeline_id, closed_at)
    INCLUDE (owner_id, contact_id, status, amount, currency, created_at) WHERE status <> 'OPEN' AND NOT is_deleted;

DROP INDEX CONCURRENTLY IF EXISTS deal_facts_closed_in_window;

ALTER INDEX deal_facts_closed_in_window_new RENAME TO deal_facts_closed_in_window;

DROP INDEX CONCURRENTLY IF EXISTS deal_periods_won

-- == 0029
DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_user_new;

CREATE INDEX CONCURRENTLY activity_facts_by_user_new ON activity_facts (tenant_id, user_id, (CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END)) WHERE counts;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_user;

ALTER INDEX activity_facts_by_user_new RENAME TO activity_facts_by_user;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_contact_new;

CREATE INDEX CONCURRENTLY activity_facts_by_contact_new ON activity_facts (tenant_id, (contact_ids[1]), (CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END)) WHERE counts;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_contact;

ALTER INDEX activity_facts_by_contact_new RENAME TO activity_facts_by_contact;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_deal_new;

CREATE INDEX CONCURRENTLY activity_facts_by_deal_new ON activity_facts (tenant_id, deal_id, (CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END)) WHERE counts AND deal_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_by_deal;

ALTER INDEX activity_facts_by_deal_new RENAME TO activity_facts_by_deal;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_of_several_new;

CREATE INDEX CONCURRENTLY activity_facts_of_several_new ON 
        activity_facts (tenant_id, (CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END)) WHERE counts AND cardinality(contact_ids) > 1;

DROP INDEX CONCURRENTLY IF EXISTS activity_facts_of_several;

ALTER INDEX activity_facts_of_several_new RENAME TO activity_facts_of_several

-- == 0030
CREATE TABLE forecast_rollup (
    tenant_id    uuid NOT NULL,
    pipeline_id  uuid NOT NULL,
    is_of_all    boolean NOT NULL,
    is_month     boolean NOT NULL,
    owner_id     uuid,
    closes_on    date NOT NULL,
    first_day    date NOT NULL,
    held_by      uuid,
    stage_id     uuid,
    currency     text NOT NULL,
    deal_count   bigint NOT NULL,
    total_amount numeric NOT NULL CHECK (abs(total_amount) < 'Infinity')
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX forecast_rollup_key ON forecast_rollup
    (tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by, stage_id, currency)
    NULLS NOT DISTINCT;;

ALTER TABLE forecast_rollup ADD CONSTRAINT forecast_rollup_in_time CHECK (closes_on BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00' AND first_day BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE forecast_rollup ENABLE ROW LEVEL SECURITY;
ALTER TABLE forecast_rollup FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON forecast_rollup
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON forecast_rollup TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON forecast_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO forecast_rollup (tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by,
                             stage_id, currency, deal_count, total_amount)
SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, grouping(day) = 1, owner_id, closes_on,
       COALESCE(day, month), held_by, stage_id, currency, sum(deal_count), sum(total_amount)
  FROM (SELECT d.*, date_trunc('month', d.day::timestamp)::date AS month
          FROM (SELECT p.tenant_id, p.pipeline_id, f.owner_id, p.owner_id AS held_by,
                       CASE WHEN p.status = 'OPEN' THEN p.stage_id END AS stage_id, p.currency,
                       CASE WHEN p.status = 'OPEN' THEN date_trunc('month', p.close_date::timestamp)::date
                            ELSE (p.closed_at AT TIME ZONE 'UTC')::date END AS closes_on,
                       (b.at AT TIME ZONE 'UTC')::date AS day, sum(b.sign) AS deal_count,
                       COALESCE(sum(b.sign * p.amount), 0) AS total_amount
                  FROM deal_periods p
                  JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (p.tenant_id, p.deal_id)
                 CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS b (sign, at)
                 WHERE b.at IS NOT NULL AND (p.status = 'OPEN' AND p.close_date IS NOT NULL
                                             OR p.status = 'WON' AND p.closed_at IS NOT NULL)
                 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) d) b
 GROUP BY tenant_id, pipeline_id, stage_id, currency, closes_on,
          GROUPING SETS ((owner_id, held_by, day), (owner_id, held_by, month), (day), (month))
HAVING (sum(deal_count), sum(total_amount)) <> (0, 0);
DROP POLICY owner_repairs ON forecast_rollup;
DROP POLICY owner_repairs ON deal_periods;
DROP POLICY owner_repairs ON deal_facts;

-- == 0031
ALTER TABLE received_emails
    ADD COLUMN reply_user_id uuid,
    ADD COLUMN is_seen_alike boolean NOT NULL DEFAULT false

-- == 0032
DROP INDEX CONCURRENTLY IF EXISTS received_emails_answered_new;

CREATE INDEX CONCURRENTLY received_emails_answered_new ON received_emails (tenant_id, received_at) WHERE reply_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS received_emails_answered;

ALTER INDEX received_emails_answered_new RENAME TO received_emails_answered;

DROP INDEX CONCURRENTLY IF EXISTS received_emails_astray_new;

CREATE INDEX CONCURRENTLY received_emails_astray_new ON 
        received_emails (tenant_id, user_id, reply_user_id) INCLUDE (is_seen_alike, email_id, reply_id)
         WHERE reply_id IS NOT NULL AND (user_id IS DISTINCT FROM reply_user_id OR NOT is_seen_alike);

DROP INDEX CONCURRENTLY IF EXISTS received_emails_astray;

ALTER INDEX received_emails_astray_new RENAME TO received_emails_astray;

CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON received_emails TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
SET LOCAL enable_nestloop = off;
UPDATE received_emails e
   SET reply_user_id = r.user_id,
       is_seen_alike = r.contact_ids @> m.contact_ids
                       AND (m.deal_id IS NULL OR m.deal_id IS NOT DISTINCT FROM r.deal_id)
  FROM activity_facts m, activity_facts r
 WHERE (m.tenant_id, m.activity_id) = (e.tenant_id, e.email_id)
   AND (r.tenant_id, r.activity_id) = (e.tenant_id, e.reply_id);
DROP POLICY owner_repairs ON received_emails;
DROP POLICY owner_repairs ON activity_facts;

-- == 0033
DROP INDEX CONCURRENTLY IF EXISTS sent_emails_by_time_new;

CREATE INDEX CONCURRENTLY sent_emails_by_time_new ON sent_emails (tenant_id, sent_at) INCLUDE (user_id, answered_at) WHERE user_id IS NOT NULL;

DROP INDEX CONCURRENTLY IF EXISTS sent_emails_by_time;

ALTER INDEX sent_emails_by_time_new RENAME TO sent_emails_by_time

-- == 0034
DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_stage;

CREATE TABLE stage_conversions (
    tenant_id     uuid NOT NULL,
    deal_id       uuid NOT NULL,
    from_stage_id uuid NOT NULL,
    to_stage_id   uuid NOT NULL,
    owner_id      uuid,
    entered_at    timestamptz NOT NULL,
    elapsed_s     double precision NOT NULL CHECK (elapsed_s >= 0 AND elapsed_s < 'Infinity')
);;

ALTER TABLE stage_conversions ADD CONSTRAINT stage_conversions_in_time CHECK (entered_at BETWEEN '1900-01-01 00:00:00+00' AND '2200-12-31 23:59:59.999999+00');;

ALTER TABLE stage_conversions ENABLE ROW LEVEL SECURITY;
ALTER TABLE stage_conversions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON stage_conversions
    USING (tenant_id = NULLIF(current_setting('crm.tenant_id', true), '')::uuid);
CREATE POLICY worker_sees_all ON stage_conversions TO reporting_worker USING (true) WITH CHECK (true);;

CREATE POLICY owner_repairs ON stage_transitions TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
CREATE POLICY owner_repairs ON stage_conversions TO CURRENT_USER USING (true) WITH CHECK (true);
LOCK TABLE deal_facts, stage_transitions IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO stage_conversions (tenant_id, deal_id, from_stage_id, to_stage_id, owner_id, entered_at, elapsed_s)
SELECT p.tenant_id, p.deal_id, a.stage_id, b.stage_id, p.owner_id, a.entered_at,
       extract(epoch FROM b.entered_at - a.entered_at)::float8
  FROM (SELECT f.tenant_id, f.deal_id, f.owner_id,
               array_agg(t.to_stage_id ORDER BY t.changed_at, t.version) AS stage_ids,
               array_agg(t.changed_at ORDER BY t.changed_at, t.version) AS moments
          FROM deal_facts f
          JOIN stage_transitions t USING (tenant_id, deal_id)
         WHERE NOT f.is_deleted
         GROUP BY f.tenant_id, f.deal_id) p
 CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS a (stage_id, entered_at, place)
 CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS b (stage_id, entered_at, place)
 WHERE a.place = array_position(p.stage_ids, a.stage_id)
   AND b.place = array_position(p.stage_ids, b.stage_id, a.place::integer)
 ORDER BY p.tenant_id, a.entered_at;
DROP POLICY owner_repairs ON stage_conversions;
DROP POLICY owner_repairs ON deal_facts;
DROP POLICY owner_repairs ON stage_transitions;;

ALTER TABLE stage_conversions
    ADD PRIMARY KEY (tenant_id, deal_id, from_stage_id, to_stage_id) INCLUDE (entered_at);
CREATE INDEX stage_conversions_by_stages ON stage_conversions (tenant_id, from_stage_id, to_stage_id, entered_at)
    INCLUDE (elapsed_s, owner_id);
