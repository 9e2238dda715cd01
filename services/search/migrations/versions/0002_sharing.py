"""Shares of contacts, as contacts tells of them."""

from alembic import op

from crm_shared.access.shares import shares_ddl

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(shares_ddl("search"))
