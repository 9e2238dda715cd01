"""Activities that were there before are linked to their contacts, page by page, while others write."""

from uuid import UUID

from alembic import op
from sqlalchemy import text

from crm_shared.database.index_builds import to_rebuild

revision = "0009"
down_revision = "0008"

# The links are made by the trigger. One that somebody has written since 0008 is done already.
FILL_PAGE = """
    WITH page AS (
        SELECT tenant_id, id FROM activities WHERE (tenant_id, id) > (:tenant_id, :id) ORDER BY tenant_id, id LIMIT 2000
    ), filled AS (
        UPDATE activities a
           SET contact_ids = ARRAY[a.contact_id],
               original_contact_ids =
                   CASE WHEN a.original_contact_id IS NULL THEN '{}' ELSE ARRAY[a.original_contact_id] END
          FROM page p
         WHERE a.tenant_id = p.tenant_id AND a.id = p.id AND a.contact_id IS NOT NULL AND a.contact_ids = '{}'
    )
    SELECT tenant_id, id FROM page ORDER BY tenant_id DESC, id DESC LIMIT 1
"""

# Without an owner's policy FORCE hides every row from whom the tables belong to.
SEE_ALL = "CREATE POLICY owner_links ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)"
AS_BEFORE = "DROP POLICY IF EXISTS owner_links ON {table}"
TABLES = ("activities", "activity_contacts")

# A company's timeline is that of its contacts and deals.
MEMBERS = "replica_records (tenant_id, company_id) WHERE company_id IS NOT NULL"

# Timelines and erasures read the links now.
UNUSED = """
    DROP INDEX activities_in_contacts_timeline;
    DROP INDEX activities_deleted_by_contact;
    DROP INDEX activities_by_original_contact;
"""


def upgrade() -> None:
    """Link every activity. Safe to run again after it was interrupted: what is linked stays as it is."""
    with op.get_context().autocommit_block():
        for table in TABLES:
            op.execute(AS_BEFORE.format(table=table))
            op.execute(SEE_ALL.format(table=table))
        link_all()
        for table in TABLES:
            op.execute(AS_BEFORE.format(table=table))
        for statement in to_rebuild("replica_records_by_company", MEMBERS):
            op.execute(statement)
    op.execute(UNUSED)


def link_all() -> None:
    after = {"tenant_id": UUID(int=0), "id": UUID(int=0)}
    while True:
        last = op.get_bind().execute(text(FILL_PAGE), after).first()
        if last is None:
            return
        after = {"tenant_id": last.tenant_id, "id": last.id}
