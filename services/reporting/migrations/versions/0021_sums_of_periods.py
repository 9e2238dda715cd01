"""What began and ended in each stage, by day and by month: a past moment is added up from few rows."""

from alembic import op

from crm_shared.database.index_builds import to_rebuild
from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0021"
down_revision = "0020"

# A period counts on the day on which it began, and against on that on which it ended; days and months are UTC's. Each
# stands in four rows: of its day and of its month, of its owner and of all owners (`is_of_all`). `owner_id` is who has
# the deal today, which decides who sees it, `held_by` who had it then. Rows that come to nothing are deleted.
SUMS = """
    CREATE TABLE period_rollup (
        tenant_id             uuid NOT NULL,
        pipeline_id           uuid NOT NULL,
        is_of_all             boolean NOT NULL,
        is_month              boolean NOT NULL,
        owner_id              uuid,
        first_day             date NOT NULL,
        held_by               uuid,
        is_open               boolean NOT NULL,
        stage_id              uuid NOT NULL,
        currency              text NOT NULL,
        closed_day            date,
        deal_count            bigint NOT NULL,
        valued_count          bigint NOT NULL,
        total_amount          numeric NOT NULL CHECK (abs(total_amount) < 'Infinity'),
        created_epoch_s       numeric NOT NULL CHECK (abs(created_epoch_s) < 'Infinity'),
        stage_changed_epoch_s numeric NOT NULL CHECK (abs(stage_changed_epoch_s) < 'Infinity')
    ) WITH (fillfactor = 70);
    CREATE UNIQUE INDEX period_rollup_key ON period_rollup
        (tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open, stage_id, currency,
         closed_day) NULLS NOT DISTINCT;
"""
# Facts can't be written meanwhile: whoever writes them makes the periods anew, and carries what changes into the sums.
FILL = """
    CREATE POLICY owner_repairs ON period_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO period_rollup (tenant_id, pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open,
                               stage_id, currency, closed_day, deal_count, valued_count, total_amount, created_epoch_s,
                               stage_changed_epoch_s)
    SELECT tenant_id, pipeline_id, grouping(owner_id) = 1, grouping(day) = 1, owner_id, COALESCE(day, month), held_by,
           is_open, stage_id, currency, closed_day, sum(deal_count), sum(valued_count), sum(total_amount),
           sum(created_epoch_s), sum(stage_changed_epoch_s)
      FROM (SELECT d.*, date_trunc('month', d.day::timestamp)::date AS month
              FROM (SELECT p.tenant_id, p.pipeline_id, f.owner_id, p.owner_id AS held_by, p.status = 'OPEN' AS is_open,
                           p.stage_id, p.currency,
                           CASE WHEN p.status <> 'OPEN' THEN (p.closed_at AT TIME ZONE 'UTC')::date END AS closed_day,
                           (b.at AT TIME ZONE 'UTC')::date AS day, sum(b.sign) AS deal_count,
                           COALESCE(sum(b.sign) FILTER (WHERE p.amount <> 0), 0) AS valued_count,
                           COALESCE(sum(b.sign * p.amount), 0) AS total_amount,
                           sum(b.sign * extract(epoch FROM f.created_at)) AS created_epoch_s,
                           sum(b.sign * extract(epoch FROM p.stage_changed_at)) AS stage_changed_epoch_s
                      FROM deal_periods p
                      JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (p.tenant_id, p.deal_id)
                     CROSS JOIN LATERAL (VALUES (1, p.valid_from), (-1, p.valid_to)) AS b (sign, at)
                     WHERE b.at IS NOT NULL
                     GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9) d) b
     GROUP BY tenant_id, pipeline_id, is_open, stage_id, currency, closed_day,
              GROUPING SETS ((owner_id, held_by, day), (owner_id, held_by, month), (day), (month))
    HAVING (sum(deal_count), sum(valued_count), sum(total_amount), sum(created_epoch_s), sum(stage_changed_epoch_s))
           <> (0, 0, 0, 0, 0);
    DROP POLICY owner_repairs ON period_rollup;
    DROP POLICY owner_repairs ON deal_periods;
    DROP POLICY owner_repairs ON deal_facts;
"""

# By moments alone: a deal may have gone on in another pipeline, and its periods there are asked for as well.
INDEXES = {
    "deal_periods_by_begin": "deal_periods (tenant_id, valid_from) INCLUDE (pipeline_id, valid_to)",
    "deal_periods_by_end": "deal_periods (tenant_id, valid_to, valid_from) INCLUDE (pipeline_id)",
    "deal_periods_closed": """
        deal_periods (tenant_id, pipeline_id, closed_at) INCLUDE (valid_from, valid_to) WHERE status <> 'OPEN'
    """,
}


def upgrade() -> None:
    """Build indexes while others write, which is safe to run again after it was interrupted; all else is one step."""
    with op.get_context().autocommit_block():
        for name, definition in INDEXES.items():
            for statement in to_rebuild(name, definition):
                op.execute(statement)
    op.execute(SUMS)
    op.execute(range_check("period_rollup", ("first_day", "closed_day")))
    op.execute(protect("period_rollup", service="reporting"))
    op.execute(FILL)
