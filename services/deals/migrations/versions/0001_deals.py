"""Pipelines, stages, deals and their history."""

from alembic import op

from crm_shared.access.schema import directory_ddl
from crm_shared.database.rls import protect
from crm_shared.features.replicas.schema import replica_ddl
from crm_shared.http.idempotency import idempotency_ddl
from crm_shared.outbox import OUTBOX_DDL

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
    );
"""


def upgrade() -> None:
    op.execute(directory_ddl("deals"))
    op.execute(replica_ddl("deals"))
    op.execute(idempotency_ddl("deals"))
    op.execute(OUTBOX_DDL)
    op.execute(TABLES)
    for table in ("pipelines", "stages", "deals", "deal_stage_history"):
        op.execute(protect(table, service="deals"))
