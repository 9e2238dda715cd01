"""What was to close in each month, by the days and months on which it began to be so: past forecasts are added up."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0030"
down_revision = "0029"

# As in `period_rollup` a period counts on the day on which it began, and against on that on which it ended, in four
# rows. Of an open one `closes_on` is the first day of its close date's month; of a won one, whose stage is null here,
# the day of UTC on which it closed. Lost ones are in no forecast, nor what has no such day.
SUMS = """
    CREATE TABLE forecast_rollup (
        tenant_id    uuid NOT NULL,
        pipeline_id  uuid NOT NULL,
        is_of_all    boolean NOT NULL,
        is_month     boolean NOT NULL,
        owner_id     uuid,
        closes_on    date NOT NULL,
        first_day    date NOT NULL,
        held_by      uuid,
        stage_id     uuid,
        currency     text NOT NULL,
        deal_count   bigint NOT NULL,
        total_amount numeric NOT NULL CHECK (abs(total_amount) < 'Infinity')
    ) WITH (fillfactor = 70);
    CREATE UNIQUE INDEX forecast_rollup_key ON forecast_rollup
        (tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by, stage_id, currency)
        NULLS NOT DISTINCT;
"""
# Facts can't be written meanwhile: whoever writes them makes the periods anew, and carries what changes into the sums.
FILL = """
    CREATE POLICY owner_repairs ON forecast_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO forecast_rollup (tenant_id, pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by,
                                 stage_id, currency, deal_count, total_amount)
    SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, grouping(day) = 1, owner_id, closes_on,
           COALESCE(day, month), held_by, stage_id, currency, sum(deal_count), sum(total_amount)
      FROM (SELECT d.*, date_trunc('month', d.day::timestamp)::date AS month
              FROM (SELECT p.tenant_id, p.pipeline_id, f.owner_id, p.owner_id AS held_by,
                           CASE WHEN p.status = 'OPEN' THEN p.stage_id END AS stage_id, p.currency,
                           CASE WHEN p.status = 'OPEN' THEN date_trunc('month', p.close_date::timestamp)::date
                                ELSE (p.closed_at AT TIME ZONE 'UTC')::date END AS closes_on,
                           (b.at AT TIME ZONE 'UTC')::date AS day, sum(b.sign) AS deal_count,
                           COALESCE(sum(b.sign * p.amount), 0) AS total_amount
                      FROM deal_periods p
                      JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (p.tenant_id, p.deal_id)
                     CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS b (sign, at)
                     WHERE b.at IS NOT NULL AND (p.status = 'OPEN' AND p.close_date IS NOT NULL
                                                 OR p.status = 'WON' AND p.closed_at IS NOT NULL)
                     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8) d) b
     GROUP BY tenant_id, pipeline_id, stage_id, currency, closes_on,
              GROUPING SETS ((owner_id, held_by, day), (owner_id, held_by, month), (day), (month))
    HAVING (sum(deal_count), sum(total_amount)) <> (0, 0);
    DROP POLICY owner_repairs ON forecast_rollup;
    DROP POLICY owner_repairs ON deal_periods;
    DROP POLICY owner_repairs ON deal_facts;
"""


def upgrade() -> None:
    op.execute(SUMS)
    op.execute(range_check("forecast_rollup", ("closes_on", "first_day")))
    op.execute(protect("forecast_rollup", service="reporting"))
    op.execute(FILL)
