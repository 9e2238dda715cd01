"""No moment outside 1900 to 2200, and no sum that is no number; sums that are poisoned are made anew from the facts."""

from alembic import op
from sqlalchemy import text

from crm_shared.database.time_range_checks import build_range_checks

revision = "0004"
down_revision = "0003"

WALLS = {
    "deal_facts": ("close_date", "created_at", "stage_changed_at", "closed_at"),
    "stage_transitions": ("changed_at",),
    "source_progress": ("last_event_at",),
    "exchange_rates": ("effective_on", "created_at", "updated_at"),
    "directory_tenants": ("created_at", "updated_at"),
    "directory_users": ("created_at", "updated_at"),
}

# One rate holds from before the window on: the last that was set there, unless the window's first day has its own. What
# begins behind the window holds never.
RATES = """
    CREATE POLICY owner_repairs ON exchange_rates TO CURRENT_USER USING (true) WITH CHECK (true);
    DELETE FROM exchange_rates r
     WHERE r.effective_on > '2200-12-31'
        OR r.effective_on < '1900-01-01'
           AND EXISTS (SELECT FROM exchange_rates later
                        WHERE (later.tenant_id, later.base_currency, later.currency)
                              = (r.tenant_id, r.base_currency, r.currency)
                          AND later.effective_on > r.effective_on AND later.effective_on <= '1900-01-01');
    DROP POLICY owner_repairs ON exchange_rates;
"""

# PostgreSQL holds NaN to be greater than Infinity, so one comparison keeps both out.
FINITE = """
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    UPDATE deal_facts SET amount = NULL WHERE NOT abs(amount) < 'Infinity';
    DROP POLICY owner_repairs ON deal_facts;
    CREATE POLICY owner_repairs ON exchange_rates TO CURRENT_USER USING (true) WITH CHECK (true);
    DELETE FROM exchange_rates WHERE NOT rate < 'Infinity';
    DROP POLICY owner_repairs ON exchange_rates;
    ALTER TABLE deal_facts DROP CONSTRAINT IF EXISTS deal_facts_finite;
    ALTER TABLE exchange_rates DROP CONSTRAINT IF EXISTS exchange_rates_finite;
    ALTER TABLE deal_facts ADD CONSTRAINT deal_facts_finite CHECK (abs(amount) < 'Infinity') NOT VALID;
    ALTER TABLE exchange_rates ADD CONSTRAINT exchange_rates_finite CHECK (rate < 'Infinity') NOT VALID;
"""
VALIDATE = """
    ALTER TABLE deal_facts VALIDATE CONSTRAINT deal_facts_finite;
    ALTER TABLE exchange_rates VALIDATE CONSTRAINT exchange_rates_finite;
"""

SUMS_ARE_SOUND = """
    abs(total_amount) < 'Infinity' AND abs(created_epoch_s) < 'Infinity' AND abs(stage_changed_epoch_s) < 'Infinity'
    AND COALESCE(close_month BETWEEN '1900-01-01' AND '2200-12-31', true)
"""
ALLOW = """
    DROP POLICY IF EXISTS owner_repairs ON deal_rollup;
    CREATE POLICY owner_repairs ON deal_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    DROP POLICY IF EXISTS owner_repairs ON deal_facts;
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
"""
FIND_BROKEN = f"SELECT EXISTS (SELECT FROM deal_rollup WHERE NOT ({SUMS_ARE_SOUND}))"  # noqa: S608 - a constant

# Facts can't be written meanwhile: whoever writes them carries the difference into the sums.
REBUILD = """
    LOCK TABLE deal_facts IN SHARE ROW EXCLUSIVE MODE;
    DELETE FROM deal_rollup;
    INSERT INTO deal_rollup (tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status,
                             deal_count, total_amount, created_epoch_s, stage_changed_epoch_s)
    SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, date_trunc('month', close_date::timestamp)::date,
           status, count(*), COALESCE(sum(amount), 0), sum(extract(epoch FROM created_at)),
           sum(extract(epoch FROM stage_changed_at))
      FROM deal_facts
     WHERE NOT is_deleted
     GROUP BY 1, 2, 3, 4, 5, 6, 7;
"""
KEEP_SOUND = """
    DROP POLICY owner_repairs ON deal_rollup;
    DROP POLICY owner_repairs ON deal_facts;
    ALTER TABLE deal_rollup ADD CONSTRAINT deal_rollup_in_time
      CHECK (close_month BETWEEN '1900-01-01' AND '2200-12-31');
    ALTER TABLE deal_rollup ADD CONSTRAINT deal_rollup_finite
      CHECK (abs(total_amount) < 'Infinity' AND abs(created_epoch_s) < 'Infinity'
             AND abs(stage_changed_epoch_s) < 'Infinity');
"""


def upgrade() -> None:
    op.execute(RATES)
    op.execute(FINITE)
    # By transactions of their own: what comes before is safe to run again, what comes after ends as one.
    is_repaired = "deal_facts" in build_range_checks(WALLS)
    op.execute(VALIDATE)
    op.execute(ALLOW)
    if is_repaired or op.get_bind().execute(text(FIND_BROKEN)).scalar():
        op.execute(REBUILD)
    op.execute(KEEP_SOUND)
