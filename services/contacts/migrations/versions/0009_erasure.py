"""Erasure: a contact may be an empty shell, and what has to be told again later."""

from alembic import op

from crm_shared.features.erasure.reannouncing import reannouncements_ddl

revision = "0009"
down_revision = "0008"

# The check is named by PostgreSQL where it was made. Validated apart: that takes no lock that writers wait for.
SHELLS = """
    ALTER TABLE contacts ADD COLUMN erased_at timestamptz;
    ALTER TABLE contacts DROP CONSTRAINT contacts_check;
    ALTER TABLE contacts ADD CONSTRAINT contacts_named CHECK (
        erased_at IS NOT NULL OR coalesce(first_name, last_name, email, phone) IS NOT NULL
    ) NOT VALID;
    -- Whoever restores, edits or imports over a shell finds that it takes nothing any more.
    ALTER TABLE contacts ADD CONSTRAINT contacts_erased CHECK (
        erased_at IS NULL
        OR (deleted_at IS NOT NULL AND tags = '{}' AND custom_data = '{}' AND shares = '[]'
            AND coalesce(first_name, last_name, email, phone, phone_e164, job_title, source, external_id) IS NULL
            AND company_id IS NULL)
    ) NOT VALID;
    ALTER TABLE contacts VALIDATE CONSTRAINT contacts_named;
    ALTER TABLE contacts VALIDATE CONSTRAINT contacts_erased;

    -- An erasure takes in whoever was merged into the contact.
    CREATE INDEX contacts_by_survivor ON contacts (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(SHELLS)
    op.execute(reannouncements_ddl("contacts"))
