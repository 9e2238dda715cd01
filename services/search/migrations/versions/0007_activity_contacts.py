"""An activity's contacts beside its first one, which stands in its own row."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0007"
down_revision = "0006"

LINKS = """
    CREATE TABLE activity_contacts (
        tenant_id   uuid NOT NULL,
        activity_id uuid NOT NULL,
        contact_id  uuid NOT NULL,
        number      integer NOT NULL,  -- in their order, from 2
        PRIMARY KEY (tenant_id, activity_id, contact_id)
    );
    CREATE INDEX activity_contacts_by_contact ON activity_contacts (tenant_id, contact_id, activity_id);
"""


def upgrade() -> None:
    op.execute(LINKS)
    op.execute(protect("activity_contacts", service="search"))
