"""Replicas of the directory and of pipelines, deal facts, stage transitions, the rollup, exchange rates."""

from alembic import op

from crm_shared.access.schema import directory_ddl
from crm_shared.database.rls import protect

revision = "0001"
down_revision = None

TABLES = """
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
    CREATE INDEX exchange_rates_by_day ON exchange_rates (tenant_id, effective_on, id);
"""

PROTECTED = (
    "pipelines",
    "stages",
    "deal_facts",
    "stage_transitions",
    "deal_rollup",
    "source_progress",
    "exchange_rates",
)


def upgrade() -> None:
    op.execute(directory_ddl("reporting"))
    op.execute(TABLES)
    for table in PROTECTED:
        op.execute(protect(table, service="reporting"))
