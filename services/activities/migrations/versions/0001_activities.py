"""Activities."""

from alembic import op

from crm_shared.access.schema import directory_ddl
from crm_shared.database.rls import protect
from crm_shared.features.replicas.schema import replica_ddl
from crm_shared.http.idempotency import idempotency_ddl
from crm_shared.outbox import OUTBOX_DDL

revision = "0001"
down_revision = None

TABLES = """
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
    CREATE INDEX activities_by_answered ON activities (tenant_id, in_reply_to) WHERE in_reply_to IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(directory_ddl("activities"))
    op.execute(replica_ddl("activities"))
    op.execute(idempotency_ddl("activities"))
    op.execute(OUTBOX_DDL)
    op.execute(TABLES)
    op.execute(protect("activities", service="activities"))
