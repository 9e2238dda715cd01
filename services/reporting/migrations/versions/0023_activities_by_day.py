"""What was done by user and day, kept up like the other sums: activity metrics cost what days cost, not activities."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0023"
down_revision = "0022"

# A day is UTC's: that on which an activity happened, or a task was done. What counts nowhere and what nobody did are in
# no row. Rows that come to nothing are deleted.
SUMS = """
    CREATE TABLE activity_rollup (
        tenant_id  uuid NOT NULL,
        done_day   date NOT NULL,
        user_id    uuid NOT NULL,
        calls      bigint NOT NULL,
        emails     bigint NOT NULL,
        meetings   bigint NOT NULL,
        notes      bigint NOT NULL,
        tasks_done bigint NOT NULL,
        PRIMARY KEY (tenant_id, done_day, user_id)
    ) WITH (fillfactor = 70);
"""
# Facts can't be written meanwhile: whoever writes them carries the difference into the sums.
FILL = """
    CREATE POLICY owner_repairs ON activity_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON activity_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE activity_facts IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO activity_rollup (tenant_id, done_day, user_id, calls, emails, meetings, notes, tasks_done)
    SELECT tenant_id, (done_at AT TIME ZONE 'UTC')::date, user_id, count(*) FILTER (WHERE type = 'CALL'),
           count(*) FILTER (WHERE type = 'EMAIL'), count(*) FILTER (WHERE type = 'MEETING'),
           count(*) FILTER (WHERE type = 'NOTE'), count(*) FILTER (WHERE type = 'TASK')
      FROM (SELECT *, CASE WHEN type = 'TASK' THEN completed_at ELSE occurred_at END AS done_at FROM activity_facts) f
     WHERE counts AND user_id IS NOT NULL AND done_at IS NOT NULL
     GROUP BY 1, 2, 3;
    DROP POLICY owner_repairs ON activity_rollup;
    DROP POLICY owner_repairs ON activity_facts;
"""


def upgrade() -> None:
    op.execute(SUMS)
    op.execute(range_check("activity_rollup", ("done_day",)))
    op.execute(protect("activity_rollup", service="reporting"))
    op.execute(FILL)
