"""What refers to a message id is found by one index alone, so that no planner takes another for it."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild

revision = "0027"
down_revision = "0026"

# Of all facts: a question for the keys alone is then answered by no index of e-mails, read from end to end. What waits
# to be put in (fastupdate), of up to 4 MB, would be gone through at each look-up.
REFERENCES = "activity_facts USING gin (reference_keys) WITH (fastupdate = off)"


def upgrade() -> None:
    """Build while others write. Safe to run again after it was interrupted."""
    with op.get_context().autocommit_block():
        for statement in to_rebuild("activity_facts_references", REFERENCES):
            op.execute(statement)
