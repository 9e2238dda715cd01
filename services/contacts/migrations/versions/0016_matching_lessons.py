"""What matching learns of a tenant, and how far its contacts were looked at again with it."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0016"
down_revision = "0015"

# Figures alone, no value of any contact. A tenant without a row has its contacts looked at once: so those that were
# there before the release get the keys that it adds.
TABLES = """
    CREATE TABLE matching_lessons (
        tenant_id    uuid PRIMARY KEY,
        lessons      jsonb NOT NULL,
        contacts     bigint NOT NULL,  -- how many there were when it was learnt
        fields       text[] NOT NULL,  -- custom fields used for matching then
        review_after uuid,             -- contacts above this id are to be looked at again; null: none
        passes       integer NOT NULL  -- reviews since the tenant grew: what they found is learnt from once more
    )
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(protect("matching_lessons", service="contacts"))
