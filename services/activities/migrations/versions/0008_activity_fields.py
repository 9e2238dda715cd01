"""Several contacts for one activity; days, reminders, series, threads, and what the types of activity have besides."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check, range_condition

revision = "0008"
down_revision = "0007"

# Defaults are the catalogue's: no row is written.
COLUMNS = """
    ALTER TABLE activities
        ADD COLUMN contact_ids uuid[] NOT NULL DEFAULT '{}',
        ADD COLUMN original_contact_ids uuid[] NOT NULL DEFAULT '{}',
        ADD COLUMN scheduled_on date,
        ADD COLUMN remind_at timestamptz,
        ADD COLUMN reminded_at timestamptz,
        ADD COLUMN outcome text,
        ADD COLUMN location text,
        ADD COLUMN priority text,
        ADD COLUMN message_id text,
        ADD COLUMN reference_ids text[] NOT NULL DEFAULT '{}',
        ADD COLUMN is_automatic boolean NOT NULL DEFAULT false,
        ADD COLUMN thread_id uuid,
        ADD COLUMN attachments jsonb NOT NULL DEFAULT '[]',
        ADD COLUMN recurrence jsonb,
        ADD COLUMN series_id uuid,
        ADD COLUMN recurrence_id text,
        ADD COLUMN system_kind text,
        ADD COLUMN facts jsonb;
"""

CHECKS = {
    "activities_fields_fit": """
        (outcome IS NULL OR type = 'CALL') AND (location IS NULL OR type = 'MEETING')
        AND (priority IS NULL OR type = 'TASK')
        AND ((scheduled_on IS NULL AND recurrence IS NULL) OR type IN ('TASK', 'MEETING'))
        AND (scheduled_on IS NULL OR scheduled_at IS NULL)
        AND (type = 'EMAIL' OR (message_id IS NULL AND reference_ids = '{}' AND NOT is_automatic AND thread_id IS NULL))
    """,
    "activities_values": """
        outcome IN ('CONNECTED', 'NO_ANSWER', 'VOICEMAIL', 'BUSY', 'WRONG_NUMBER')
        AND priority IN ('LOW', 'NORMAL', 'HIGH')
    """,
    "activities_fields_erased": """
        erased_at IS NULL OR (coalesce(location, message_id) IS NULL AND reference_ids = '{}' AND attachments = '[]')
    """,
}

MOMENTS = (
    *("occurred_at", "scheduled_at", "completed_at", "created_at", "updated_at", "deleted_at", "erased_at"),
    *("scheduled_on", "remind_at", "reminded_at"),
)
# The old wall stands until the new one does.
WALL = f"""
    ALTER TABLE activities ADD CONSTRAINT activities_in_time_too CHECK ({range_condition(MOMENTS)}) NOT VALID;
    ALTER TABLE activities VALIDATE CONSTRAINT activities_in_time_too;
    ALTER TABLE activities DROP CONSTRAINT activities_in_time;
    ALTER TABLE activities RENAME CONSTRAINT activities_in_time_too TO activities_in_time;
"""

# One row for each contact that an activity has, and for each that it was given before merges moved it: the index of the
# timelines, and the way from a contact to its activities.
LINKS = """
    CREATE TABLE activity_contacts (
        tenant_id    uuid NOT NULL,
        contact_id   uuid NOT NULL,
        activity_id  uuid NOT NULL,
        type         text NOT NULL,
        occurred_at  timestamptz NOT NULL,
        deal_version bigint NOT NULL,
        is_current   boolean NOT NULL,
        is_deleted   boolean NOT NULL,
        PRIMARY KEY (tenant_id, activity_id, contact_id)
    );
    CREATE INDEX activity_contacts_in_timeline
        ON activity_contacts (tenant_id, contact_id, occurred_at, deal_version, activity_id) INCLUDE (type)
     WHERE is_current AND NOT is_deleted;
    CREATE INDEX activity_contacts_in_no_timeline ON activity_contacts (tenant_id, contact_id, activity_id)
     WHERE NOT is_current OR is_deleted;
"""

# By the database, so that no statement can forget it. The first trigger takes in a writer who knows of one contact
# alone; the others keep the links, once a statement: row by row they would take as long as all the rest of a batch.
# For the same reason there is no foreign key: nothing else writes links.
TRIGGERS = """
    CREATE FUNCTION take_one_contact() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.contact_ids := CASE WHEN NEW.contact_id IS NULL THEN '{}' ELSE ARRAY[NEW.contact_id] END;
        NEW.original_contact_ids :=
            CASE WHEN NEW.original_contact_id IS NULL THEN '{}' ELSE ARRAY[NEW.original_contact_id] END;
        RETURN NEW;
    END $$;

    CREATE TRIGGER activities_take_one_contact BEFORE INSERT OR UPDATE ON activities
       FOR EACH ROW WHEN (NEW.contact_id IS DISTINCT FROM NEW.contact_ids[1]) EXECUTE FUNCTION take_one_contact();

    CREATE FUNCTION link_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO activity_contacts
               (tenant_id, contact_id, activity_id, type, occurred_at, deal_version, is_current, is_deleted)
        SELECT n.tenant_id, given.contact_id, n.id, n.type, n.occurred_at, n.deal_version,
               given.contact_id = ANY (n.contact_ids), n.deleted_at IS NOT NULL
          FROM new_rows n
         CROSS JOIN LATERAL (SELECT DISTINCT unnest(n.contact_ids || n.original_contact_ids)) AS given (contact_id);
        RETURN NULL;
    END $$;

    CREATE TRIGGER activities_link_contacts AFTER INSERT ON activities
        REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION link_contacts();

    CREATE FUNCTION relink_contacts() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed uuid[];
    BEGIN
        SELECT array_agg(n.id) INTO changed
          FROM new_rows n
          JOIN old_rows o USING (tenant_id, id)
         WHERE (o.contact_ids, o.original_contact_ids, o.type, o.occurred_at, o.deal_version, o.deleted_at IS NULL)
            IS DISTINCT FROM
               (n.contact_ids, n.original_contact_ids, n.type, n.occurred_at, n.deal_version, n.deleted_at IS NULL);
        IF changed IS NULL THEN
            RETURN NULL;
        END IF;
        DELETE FROM activity_contacts l
         USING new_rows n
         WHERE n.id = ANY (changed) AND l.tenant_id = n.tenant_id AND l.activity_id = n.id
           AND l.contact_id <> ALL (n.contact_ids || n.original_contact_ids);
        INSERT INTO activity_contacts
               (tenant_id, contact_id, activity_id, type, occurred_at, deal_version, is_current, is_deleted)
        SELECT n.tenant_id, given.contact_id, n.id, n.type, n.occurred_at, n.deal_version,
               given.contact_id = ANY (n.contact_ids), n.deleted_at IS NOT NULL
          FROM new_rows n
         CROSS JOIN LATERAL (SELECT DISTINCT unnest(n.contact_ids || n.original_contact_ids)) AS given (contact_id)
         WHERE n.id = ANY (changed)
        ON CONFLICT (tenant_id, activity_id, contact_id) DO UPDATE
           SET type = excluded.type, occurred_at = excluded.occurred_at, deal_version = excluded.deal_version,
               is_current = excluded.is_current, is_deleted = excluded.is_deleted;
        RETURN NULL;
    END $$;

    CREATE TRIGGER activities_relink_contacts AFTER UPDATE ON activities
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION relink_contacts();
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE activities ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")
    for name in CHECKS:
        op.execute(f"ALTER TABLE activities VALIDATE CONSTRAINT {name}")
    op.execute(WALL)
    op.execute(LINKS)
    op.execute(range_check("activity_contacts", ("occurred_at",)))
    op.execute(protect("activity_contacts", service="activities"))
    op.execute(TRIGGERS)
