"""Notes of one instant in the order of their deal's versions."""

from uuid import UUID, uuid5

import sqlalchemy
from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0007"
down_revision = "0006"

# Which of its deal's changes a note tells of; 0 for what people log. The default is the catalogue's: no row is written.
COLUMN = "ALTER TABLE activities ADD COLUMN IF NOT EXISTS deal_version bigint NOT NULL DEFAULT 0"

INDEXES = {
    "activities_in_contacts_timeline": "activities (tenant_id, contact_id, occurred_at, deal_version, id)"
    " WHERE deleted_at IS NULL AND contact_id IS NOT NULL",
    "activities_in_deals_timeline": "activities (tenant_id, deal_id, occurred_at, deal_version, id)"
    " WHERE deleted_at IS NULL AND deal_id IS NOT NULL",
}

TIED = """
    SELECT tenant_id, deal_id, array_agg(id) AS ids
      FROM activities
     WHERE system AND deal_id IS NOT NULL
     GROUP BY tenant_id, deal_id, occurred_at
    HAVING count(*) > 1
"""
NUMBER = "UPDATE activities SET deal_version = :version WHERE tenant_id = :tenant_id AND id = :id AND deal_version = 0"
MOST_VERSIONS = 10_000


def upgrade() -> None:
    op.execute(COLUMN)
    # Each step by itself, as activities are written meanwhile; one that died is begun anew.
    with op.get_context().autocommit_block():
        op.execute("DROP POLICY IF EXISTS owner_numbers ON activities")
        op.execute("CREATE POLICY owner_numbers ON activities TO CURRENT_USER USING (true) WITH CHECK (true)")
        number_notes(op.get_bind())
        op.execute("DROP POLICY owner_numbers ON activities")
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS activities_by_contact")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS activities_by_deal")


def number_notes(bind: sqlalchemy.Connection) -> None:
    """Give notes that share an instant their versions, which their ids tell (moves.Move.note_id)."""
    for tied in bind.execute(sqlalchemy.text(TIED)).all():
        for note_id, version in find_versions(tied.deal_id, set(tied.ids)).items():
            bind.execute(sqlalchemy.text(NUMBER), {"version": version, "tenant_id": tied.tenant_id, "id": note_id})


def find_versions(deal_id: UUID, note_ids: set[UUID]) -> dict[UUID, int]:
    """Give each note's version of its deal; one that was named in another way is left out."""
    found: dict[UUID, int] = {}
    for version in range(2, MOST_VERSIONS):
        note_id = uuid5(deal_id, f"moved-at-version-{version}")
        if note_id in note_ids:
            found[note_id] = version
            if len(found) == len(note_ids):
                break
    return found
