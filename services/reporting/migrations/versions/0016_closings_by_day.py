"""What closed by day, kept up like the other sums: reports of closings cost what days cost, however many deals."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0016"
down_revision = "0015"

# A day is UTC's; null of a closing without a moment. Each closing is in two rows: one of its owner, and one of all
# owners (`is_of_all`, without an owner_id), so that whoever sees all reads no row for each owner. Rows that come to
# nothing are deleted.
CLOSINGS = """
    CREATE TABLE closing_rollup (
        tenant_id     uuid NOT NULL,
        pipeline_id   uuid NOT NULL,
        is_of_all     boolean NOT NULL,
        owner_id      uuid,
        closed_day    date,
        currency      text NOT NULL,
        status        text NOT NULL,
        stage_id      uuid NOT NULL,
        deal_count    bigint NOT NULL,
        valued_count  bigint NOT NULL,
        total_amount  numeric NOT NULL CHECK (abs(total_amount) < 'Infinity'),
        total_cycle_s numeric NOT NULL CHECK (abs(total_cycle_s) < 'Infinity')
    ) WITH (fillfactor = 70);
    CREATE UNIQUE INDEX closing_rollup_key ON closing_rollup
        (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id) NULLS NOT DISTINCT;
"""
# Facts can't be written meanwhile: whoever writes them carries the difference into the sums.
FILL = """
    CREATE POLICY owner_repairs ON closing_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO closing_rollup (tenant_id, pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id,
                                deal_count, valued_count, total_amount, total_cycle_s)
    SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, owner_id, closed_day, currency, status, stage_id, count(*),
           count(*) FILTER (WHERE amount <> 0), COALESCE(sum(amount), 0),
           sum(extract(epoch FROM GREATEST(closed_at - created_at, interval '0')))
      FROM (SELECT *, (closed_at AT TIME ZONE 'UTC')::date AS closed_day FROM deal_facts) f
     WHERE status <> 'OPEN' AND NOT is_deleted
     GROUP BY tenant_id, pipeline_id, closed_day, currency, status, stage_id, GROUPING SETS ((owner_id), ());
    DROP POLICY owner_repairs ON closing_rollup;
    DROP POLICY owner_repairs ON deal_facts;
"""


def upgrade() -> None:
    op.execute(CLOSINGS)
    op.execute(range_check("closing_rollup", ("closed_day",)))
    op.execute(protect("closing_rollup", service="reporting"))
    op.execute(FILL)
