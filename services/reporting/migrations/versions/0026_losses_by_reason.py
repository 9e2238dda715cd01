"""Why deals were lost, by day, kept up like the other sums: win rate by reason costs what days and reasons are."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0026"
down_revision = "0025"

# A day is UTC's. Each loss is in two rows: one of its owner, and one of all owners (`is_of_all`, without an owner_id).
# Of reasons the first 500 characters are kept, so that a key fits into an index. Rows that come to nothing are deleted.
LOSSES = """
    CREATE TABLE loss_rollup (
        tenant_id   uuid NOT NULL,
        pipeline_id uuid NOT NULL,
        is_of_all   boolean NOT NULL,
        owner_id    uuid,
        closed_day  date NOT NULL,
        lost_reason text,
        deal_count  bigint NOT NULL
    ) WITH (fillfactor = 70);
    CREATE UNIQUE INDEX loss_rollup_key ON loss_rollup
        (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason) NULLS NOT DISTINCT;
"""
# Facts can't be written meanwhile: whoever writes them carries the difference into the sums.
FILL = """
    CREATE POLICY owner_repairs ON loss_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO loss_rollup (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, lost_reason, deal_count)
    SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, owner_id, closed_day, lost_reason, count(*)
      FROM (SELECT *, (closed_at AT TIME ZONE 'UTC')::date AS closed_day FROM deal_facts) f
     WHERE status = 'LOST' AND NOT is_deleted AND closed_day IS NOT NULL
     GROUP BY tenant_id, pipeline_id, closed_day, lost_reason, GROUPING SETS ((owner_id), ());
    DROP POLICY owner_repairs ON loss_rollup;
    DROP POLICY owner_repairs ON deal_facts;
"""


def upgrade() -> None:
    op.execute(LOSSES)
    op.execute(range_check("loss_rollup", ("closed_day",)))
    op.execute(protect("loss_rollup", service="reporting"))
    op.execute(FILL)
