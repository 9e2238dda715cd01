"""Erasure: activities whose texts are gone, and what has to be told again later."""

from alembic import op

from crm_shared.features.erasure.reannouncing import reannouncements_ddl

revision = "0004"
down_revision = "0003"

ERASED = """
    ALTER TABLE activities ADD COLUMN erased_at timestamptz;
    ALTER TABLE activities ADD CONSTRAINT activities_erased CHECK (
        erased_at IS NULL OR coalesce(subject, body, external_id) IS NULL
    ) NOT VALID;
    ALTER TABLE activities VALIDATE CONSTRAINT activities_erased;

    -- Deleted ones hold texts too, and the timelines' index leaves them out.
    CREATE INDEX activities_deleted_by_contact ON activities (tenant_id, contact_id, id)
     WHERE deleted_at IS NOT NULL AND contact_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(ERASED)
    op.execute(reannouncements_ddl("activities"))
