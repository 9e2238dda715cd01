"""Imports keep how their file is to be read, and what its sender should know."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("ALTER TABLE imports ADD COLUMN IF NOT EXISTS options jsonb NOT NULL DEFAULT '{}'")
    # Of what type the chunk's records are, where it is not the import's own: companies made for contacts.
    op.execute("ALTER TABLE import_chunks ADD COLUMN IF NOT EXISTS entity_type text")
    op.execute("ALTER TABLE imports ADD COLUMN IF NOT EXISTS warnings jsonb NOT NULL DEFAULT '[]'")
