"""Merges and their undoing."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0007"
down_revision = "0006"

MERGES = """
    CREATE TABLE merges (
        tenant_id        uuid NOT NULL,
        id               uuid NOT NULL,
        survivor_id      uuid NOT NULL,
        other_id         uuid NOT NULL,
        survivor_version bigint NOT NULL,  -- that the merge gave it: what is higher came later
        other_version    bigint NOT NULL,
        choices          jsonb NOT NULL,
        changed          jsonb,  -- of the survivor: what an undo gives back; null once undone or erased
        merged_at        timestamptz NOT NULL,
        merged_by        uuid,  -- null: the system
        undone_at        timestamptz,
        undone_by        uuid,
        PRIMARY KEY (tenant_id, id),
        CHECK (survivor_id <> other_id)
    );
    CREATE INDEX merges_by_time ON merges (tenant_id, merged_at, id);
    CREATE INDEX merges_by_survivor ON merges (tenant_id, survivor_id, survivor_version);
    CREATE INDEX merges_by_other ON merges (tenant_id, other_id, other_version);

    ALTER TABLE contacts ADD CONSTRAINT contacts_merged_are_hidden CHECK (merged_into IS NULL OR deleted_at IS NOT NULL)
          NOT VALID;
    ALTER TABLE contacts VALIDATE CONSTRAINT contacts_merged_are_hidden;
"""


def upgrade() -> None:
    op.execute(MERGES)
    op.execute(protect("merges", service="contacts"))
