"""Since when a document waits to be written, so that a tenant can be told how far its index is behind."""

from alembic import op

from crm_shared.database.time_range_checks import build_range_checks

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Of the rows that are there the default stands in the catalogue: no row is rewritten.
    op.execute("ALTER TABLE search_records ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now()")
    build_range_checks({"search_records": ("changed_at",)})
