"""Webhooks and what is sent to them."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0008"
down_revision = "0007"

TABLES = """
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
    CREATE INDEX webhook_lanes_due ON webhook_lanes (tenant_id, webhook_id, next_attempt_at);
"""


def upgrade() -> None:
    op.execute(TABLES)
    for table in ("webhooks", "webhook_deliveries", "webhook_lanes"):
        op.execute(protect(table, service="deals"))
