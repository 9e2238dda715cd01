"""Custom fields."""

from alembic import op

from crm_shared.features.custom_fields.schema import custom_fields_ddl

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(custom_fields_ddl("contacts"))
