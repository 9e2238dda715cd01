"""Deals that another won than who owns them today: what attainment has to move from one user's sums to another's."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0024"
down_revision = "0023"

# `winner_id` owned the deal when it closed; null of what was nobody's then. A deal whose winner owns it has no row.
WINS = """
    CREATE TABLE handed_over_wins (
        tenant_id   uuid NOT NULL,
        deal_id     uuid NOT NULL,
        pipeline_id uuid NOT NULL,
        owner_id    uuid,
        winner_id   uuid,
        contact_id  uuid,
        closed_at   timestamptz NOT NULL,
        currency    text NOT NULL,
        amount      numeric CHECK (abs(amount) < 'Infinity'),
        PRIMARY KEY (tenant_id, deal_id)
    ) WITH (fillfactor = 85);
    CREATE INDEX handed_over_wins_by_time ON handed_over_wins (tenant_id, pipeline_id, closed_at);
"""
# Neither facts nor periods can be written meanwhile: whoever writes them makes these rows anew.
FILL = """
    CREATE POLICY owner_repairs ON handed_over_wins TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_periods TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts, deal_periods IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO handed_over_wins (tenant_id, deal_id, pipeline_id, owner_id, winner_id, contact_id, closed_at, currency,
                                  amount)
    SELECT f.tenant_id, f.deal_id, f.pipeline_id, f.owner_id, p.owner_id, f.contact_id, f.closed_at, f.currency,
           f.amount
      FROM deal_facts f
      JOIN (SELECT DISTINCT ON (tenant_id, deal_id, closed_at) tenant_id, deal_id, closed_at, owner_id
              FROM deal_periods
             WHERE status = 'WON'
             ORDER BY tenant_id, deal_id, closed_at, valid_from) p USING (tenant_id, deal_id, closed_at)
     WHERE f.status = 'WON' AND NOT f.is_deleted AND p.owner_id IS DISTINCT FROM f.owner_id;
    DROP POLICY owner_repairs ON deal_periods;
    DROP POLICY owner_repairs ON deal_facts;
    DROP POLICY owner_repairs ON handed_over_wins;
"""


def upgrade() -> None:
    op.execute(WINS)
    op.execute(range_check("handed_over_wins", ("closed_at",)))
    op.execute(protect("handed_over_wins", service="reporting"))
    op.execute(FILL)
