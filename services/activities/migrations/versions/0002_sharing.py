"""Shares of contacts, as contacts tells of them."""

from alembic import op

from crm_shared.access.shares import shares_ddl

revision = "0002"
down_revision = "0001"

# From a contact that is shared to its deals, whose activities are then seen too.
DEALS_BY_CONTACT = """
    CREATE INDEX replica_records_by_contact ON replica_records (tenant_id, contact_id) WHERE contact_id IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(shares_ddl("activities"))
    op.execute(DEALS_BY_CONTACT)
