"""What a deal is waiting for: its open tasks and meetings, and the earliest of them."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_condition

revision = "0014"
down_revision = "0013"

# What was kept before has no `is_open`: a row of its version is then not stale, so that a republish fills it in.
# `time_zone` is where the day of `scheduled_on` ends, `due_at` when. Texts are kept of open ones alone.
ACTIVITIES = """
    ALTER TABLE deal_activities
      ADD COLUMN is_open boolean,
      ADD COLUMN is_erased boolean NOT NULL DEFAULT false,
      ADD COLUMN user_id uuid,
      ADD COLUMN type text,
      ADD COLUMN subject text,
      ADD COLUMN scheduled_at timestamptz,
      ADD COLUMN scheduled_on date,
      ADD COLUMN time_zone text,
      ADD COLUMN due_at timestamptz;
"""

# OVERDUE is written some time after the step came due, and only to find it by: reads ask next_due_at too.
DEALS = """
    ALTER TABLE deals
      ADD COLUMN next_activity_id uuid,
      ADD COLUMN next_due_at timestamptz,
      ADD COLUMN next_step text NOT NULL DEFAULT 'NONE';
    ALTER TABLE deals ADD CONSTRAINT deals_next_step CHECK (
        CASE next_step WHEN 'NONE' THEN next_activity_id IS NULL AND next_due_at IS NULL
                       WHEN 'PLANNED' THEN next_activity_id IS NOT NULL
                       WHEN 'OVERDUE' THEN next_activity_id IS NOT NULL AND next_due_at IS NOT NULL
                       ELSE false END) NOT VALID;
"""

# By the database, in the transaction that moves the clock, so that nobody who keeps the directory can forget it.
TIME_ZONES = """
    CREATE TABLE moved_time_zones (
        position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id uuid NOT NULL,
        user_id   uuid  -- null: the tenant's own
    );
    CREATE FUNCTION note_tenant_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO moved_time_zones (tenant_id) VALUES (NEW.tenant_id);
        RETURN NULL;
    END $$;
    CREATE FUNCTION note_user_time_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO moved_time_zones (tenant_id, user_id) VALUES (NEW.tenant_id, NEW.id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER tenants_come AFTER INSERT ON directory_tenants
        FOR EACH ROW EXECUTE FUNCTION note_tenant_time_zone();
    CREATE TRIGGER tenants_move AFTER UPDATE ON directory_tenants
        FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION note_tenant_time_zone();
    CREATE TRIGGER users_come AFTER INSERT ON directory_users
        FOR EACH ROW WHEN (NEW.time_zone IS NOT NULL) EXECUTE FUNCTION note_user_time_zone();
    CREATE TRIGGER users_move AFTER UPDATE ON directory_users
        FOR EACH ROW WHEN (OLD.time_zone IS DISTINCT FROM NEW.time_zone) EXECUTE FUNCTION note_user_time_zone();
"""

WALLS = {
    "deals": (
        *("close_date", "stage_changed_at", "closed_at", "created_at", "updated_at", "deleted_at"),
        "next_due_at",
    ),
    "deal_activities": ("occurred_at", "scheduled_at", "scheduled_on", "due_at"),
}
# The new wall takes the old one's place at once; the next migration reads what was there before, and holds up nobody.
REBUILD_WALL = """
    ALTER TABLE {table} DROP CONSTRAINT {table}_in_time;
    ALTER TABLE {table} ADD CONSTRAINT {table}_in_time CHECK ({check}) NOT VALID;
"""


def upgrade() -> None:
    op.execute(ACTIVITIES)
    op.execute(DEALS)
    op.execute(TIME_ZONES)
    op.execute(protect("moved_time_zones", service="deals"))
    for table, columns in WALLS.items():
        op.execute(REBUILD_WALL.format(table=table, check=range_condition(columns)))
