"""Series: their rules, what of the first instance the others copy, and how far each was made."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0017"
down_revision = "0016"

# `start` and `made_until` are what the clocks of the time zone show.
SERIES = """
    CREATE TABLE activity_series (
        tenant_id    uuid NOT NULL,
        id           uuid NOT NULL,
        rrule        text NOT NULL,
        time_zone    text NOT NULL,
        start        timestamp NOT NULL,
        is_whole_day boolean NOT NULL,
        made_until   timestamp NOT NULL,
        made         integer NOT NULL,
        due_at       timestamptz,
        user_id      uuid,
        contact_ids  uuid[] NOT NULL,
        template     jsonb,
        created_at   timestamptz NOT NULL,
        ends_before  timestamptz,
        skipped      text[] NOT NULL,
        PRIMARY KEY (tenant_id, id),
        CHECK ((due_at IS NULL) = (template IS NULL))
    );
    CREATE INDEX activity_series_due ON activity_series (due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX activity_series_of_tenant ON activity_series (tenant_id, due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX activity_series_of_user ON activity_series (tenant_id, user_id) WHERE due_at IS NOT NULL;
    CREATE INDEX activity_series_of_contact ON activity_series USING gin (contact_ids) WHERE due_at IS NOT NULL;
"""


def upgrade() -> None:
    op.execute(SERIES)
    op.execute(range_check("activity_series", ("start", "made_until", "due_at", "created_at", "ends_before")))
    op.execute(protect("activity_series", service="activities"))
