"""Erasure: of which records the index is yet to drop what it has deleted."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0003"
down_revision = "0002"

TRACES = """
    CREATE TABLE erased_traces (
        tenant_id uuid NOT NULL,
        type      text NOT NULL,
        id        uuid NOT NULL,
        noted_at  timestamptz NOT NULL,
        PRIMARY KEY (tenant_id, type, id)
    );
"""


def upgrade() -> None:
    op.execute(TRACES)
    op.execute(protect("erased_traces", service="search"))
