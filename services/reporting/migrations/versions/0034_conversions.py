"""Which stages each deal came to from which, kept up like the facts: a conversion report reads no history."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0034"
down_revision = "0033"

# A row for each stage that a deal has entered, from its first entry ever (`entered_at`) to the first one since then
# into each other, and one to itself, of no time; of deals that are not deleted, with today's owner.
CONVERSIONS = """
    CREATE TABLE stage_conversions (
        tenant_id     uuid NOT NULL,
        deal_id       uuid NOT NULL,
        from_stage_id uuid NOT NULL,
        to_stage_id   uuid NOT NULL,
        owner_id      uuid,
        entered_at    timestamptz NOT NULL,
        elapsed_s     double precision NOT NULL CHECK (elapsed_s >= 0 AND elapsed_s < 'Infinity')
    );
"""
# Neither entries nor facts can be written meanwhile: whoever writes them makes these rows anew.
FILL = """
    CREATE POLICY owner_repairs ON stage_transitions TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON stage_conversions TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts, stage_transitions IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO stage_conversions (tenant_id, deal_id, from_stage_id, to_stage_id, owner_id, entered_at, elapsed_s)
    SELECT p.tenant_id, p.deal_id, a.stage_id, b.stage_id, p.owner_id, a.entered_at,
           extract(epoch FROM b.entered_at - a.entered_at)::float8
      FROM (SELECT f.tenant_id, f.deal_id, f.owner_id,
                   array_agg(t.to_stage_id ORDER BY t.changed_at, t.version) AS stage_ids,
                   array_agg(t.changed_at ORDER BY t.changed_at, t.version) AS moments
              FROM deal_facts f
              JOIN stage_transitions t USING (tenant_id, deal_id)
             WHERE NOT f.is_deleted
             GROUP BY f.tenant_id, f.deal_id) p
     CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS a (stage_id, entered_at, place)
     CROSS JOIN LATERAL unnest(p.stage_ids, p.moments) WITH ORDINALITY AS b (stage_id, entered_at, place)
     WHERE a.place = array_position(p.stage_ids, a.stage_id)
       AND b.place = array_position(p.stage_ids, b.stage_id, a.place::integer)
     ORDER BY p.tenant_id, a.entered_at;
    DROP POLICY owner_repairs ON stage_conversions;
    DROP POLICY owner_repairs ON deal_facts;
    DROP POLICY owner_repairs ON stage_transitions;
"""
# Built when the rows are there, which is quicker. They hold what a report reads: the first of open deals, the second of
# two stages.
INDEXES = """
    ALTER TABLE stage_conversions
        ADD PRIMARY KEY (tenant_id, deal_id, from_stage_id, to_stage_id) INCLUDE (entered_at);
    CREATE INDEX stage_conversions_by_stages ON stage_conversions (tenant_id, from_stage_id, to_stage_id, entered_at)
        INCLUDE (elapsed_s, owner_id);
"""


def upgrade() -> None:
    """Entries are sought by stage and moment no more, which this report alone did. Safe to run again if interrupted."""
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS stage_transitions_by_stage")
    op.execute(CONVERSIONS)
    op.execute(range_check("stage_conversions", ("entered_at",)))
    op.execute(protect("stage_conversions", service="reporting"))
    op.execute(FILL)
    op.execute(INDEXES)
