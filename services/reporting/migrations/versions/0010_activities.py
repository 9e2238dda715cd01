"""Activities as reports count them, and who owns each contact: whose activities one sees by it."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0010"
down_revision = "0009"

# No texts. An array of contacts is in the activity's order; keys stand for message ids (crm_shared.message_keys): an
# outbound e-mail's own, and those that an inbound one refers to.
ACTIVITIES = """
    CREATE TABLE activity_facts (
        tenant_id      uuid NOT NULL,
        activity_id    uuid NOT NULL,
        version        bigint NOT NULL,
        type           text NOT NULL CHECK (type IN ('EMAIL', 'CALL', 'MEETING', 'NOTE', 'TASK')),
        user_id        uuid,
        contact_ids    uuid[] NOT NULL,
        deal_id        uuid,
        direction      text CHECK (direction IN ('INBOUND', 'OUTBOUND')),
        occurred_at    timestamptz NOT NULL,
        completed_at   timestamptz,
        thread_id      uuid,
        in_reply_to    uuid,
        message_key    uuid,
        reference_keys uuid[] NOT NULL,
        is_automatic   boolean NOT NULL,
        is_system      boolean NOT NULL,
        is_deleted     boolean NOT NULL,
        counts         boolean NOT NULL GENERATED ALWAYS AS (NOT (is_automatic OR is_system OR is_deleted)) STORED,
        PRIMARY KEY (tenant_id, activity_id)
    ) WITH (fillfactor = 85);
    -- All that counts by day reads, so that an ADMIN's report reads no table.
    CREATE INDEX activity_facts_by_time ON activity_facts (tenant_id, occurred_at) INCLUDE (type, user_id)
     WHERE counts;
    CREATE INDEX activity_facts_done ON activity_facts (tenant_id, completed_at) INCLUDE (type, user_id)
     WHERE counts AND type = 'TASK';
    CREATE INDEX activity_facts_emails ON activity_facts (tenant_id, occurred_at, activity_id)
     WHERE counts AND type = 'EMAIL';
"""

# Null of a contact that nobody finds any more, and of one told of before this release: a snapshot fills it in.
CONTACTS = """
    ALTER TABLE contacts ADD COLUMN owner_id uuid;
"""


def upgrade() -> None:
    op.execute(ACTIVITIES)
    op.execute(range_check("activity_facts", ("occurred_at", "completed_at")))
    op.execute(protect("activity_facts", service="reporting"))
    op.execute(CONTACTS)
