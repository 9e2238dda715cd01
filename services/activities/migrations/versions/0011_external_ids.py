"""External ids: one living activity goes by each, so that what is brought again is found."""

from alembic import op

revision = "0011"
down_revision = "0010"

# Writers wait, so that none brings a double in between; readers go on.
LOCK = "LOCK TABLE activities IN SHARE ROW EXCLUSIVE MODE"

# Nobody forbade doubles before, and which of them is right nobody here can say: all stay, the first goes by the id.
MARK_REPEATED = """
    UPDATE activities a
       SET external_id_repeated = true
      FROM (SELECT tenant_id, id,
                   row_number() OVER (PARTITION BY tenant_id, external_id ORDER BY created_at, id) AS place
              FROM activities
             WHERE external_id IS NOT NULL AND deleted_at IS NULL) AS named
     WHERE a.tenant_id = named.tenant_id AND a.id = named.id AND named.place > 1
"""
INDEX = """
    CREATE UNIQUE INDEX IF NOT EXISTS activities_one_external_id ON activities (tenant_id, external_id)
     WHERE deleted_at IS NULL AND external_id IS NOT NULL AND NOT external_id_repeated
"""
# Without an owner's policy FORCE hides every row from whom the table belongs to.
SEE_ALL = "CREATE POLICY owner_marks ON activities TO CURRENT_USER USING (true) WITH CHECK (true)"
AS_BEFORE = "DROP POLICY IF EXISTS owner_marks ON activities"


def upgrade() -> None:
    """Mark doubles and forbid more. Safe to run again after it was interrupted.

    Policies in transactions of their own: they lock readers out, who might wait for the lock on writers.
    """
    with op.get_context().autocommit_block():
        op.execute(AS_BEFORE)
        op.execute(SEE_ALL)
    op.execute(LOCK)
    op.execute(MARK_REPEATED)
    op.execute(INDEX)
    with op.get_context().autocommit_block():
        op.execute(AS_BEFORE)
