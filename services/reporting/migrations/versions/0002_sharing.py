"""Shares of contacts, as contacts tells of them: whom they are shared with counts their deals too."""

from alembic import op

from crm_shared.access.shares import shares_ddl
from crm_shared.database.rls import protect

revision = "0002"
down_revision = "0001"

# How far each contact's shares have come, whether it has any or not: a late event must not bring an old one back.
CONTACTS = """
    CREATE TABLE contacts (
        tenant_id uuid NOT NULL,
        id        uuid NOT NULL,
        version   bigint NOT NULL,
        PRIMARY KEY (tenant_id, id)
    );
"""

# From a contact that is shared to its deals.
DEALS_BY_CONTACT = """
    CREATE INDEX deal_facts_by_contact ON deal_facts (tenant_id, contact_id)
     WHERE contact_id IS NOT NULL AND NOT is_deleted;
"""


def upgrade() -> None:
    op.execute(CONTACTS)
    op.execute(protect("contacts", service="reporting"))
    op.execute(shares_ddl("reporting"))
    op.execute(DEALS_BY_CONTACT)
