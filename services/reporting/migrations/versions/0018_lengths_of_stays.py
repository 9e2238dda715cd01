"""How long each stay in a stage lasted, kept up like the facts: a report of stages' ages reads no history."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0018"
down_revision = "0017"

# A row for each entry that another ended, of deals that are not deleted, with today's owner: who sees a deal sees its
# past. `length_class` grows with the length: about 16 classes for e times as long.
STAYS = """
    CREATE TABLE stage_stays (
        tenant_id    uuid NOT NULL,
        deal_id      uuid NOT NULL,
        version      bigint NOT NULL,
        stage_id     uuid NOT NULL,
        owner_id     uuid,
        lasted_s     double precision NOT NULL CHECK (lasted_s >= 0 AND lasted_s < 'Infinity'),
        length_class integer NOT NULL GENERATED ALWAYS AS (floor(ln(lasted_s + 1) * 16)::integer) STORED,
        PRIMARY KEY (tenant_id, deal_id, version)
    ) WITH (fillfactor = 85);
    -- In the order of their lengths, so that the one at any place is found from the first of its class on.
    CREATE INDEX stage_stays_by_length ON stage_stays (tenant_id, stage_id, length_class, lasted_s) INCLUDE (owner_id);

    CREATE TABLE stay_rollup (
        tenant_id    uuid NOT NULL,
        stage_id     uuid NOT NULL,
        owner_id     uuid,
        length_class integer NOT NULL,
        stay_count   bigint NOT NULL,
        total_s      numeric NOT NULL CHECK (abs(total_s) < 'Infinity')
    ) WITH (fillfactor = 70);
    CREATE UNIQUE INDEX stay_rollup_key ON stay_rollup (tenant_id, stage_id, owner_id, length_class) NULLS NOT DISTINCT;
"""
TABLES = ("stage_stays", "stay_rollup")
# Neither entries nor facts can be written meanwhile: whoever writes them makes the stays anew.
FILL = """
    CREATE POLICY owner_repairs ON stage_transitions TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON deal_facts TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON stage_stays TO CURRENT_USER USING (true) WITH CHECK (true);
    CREATE POLICY owner_repairs ON stay_rollup TO CURRENT_USER USING (true) WITH CHECK (true);
    LOCK TABLE deal_facts, stage_transitions IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO stage_stays (tenant_id, deal_id, version, stage_id, owner_id, lasted_s)
    SELECT tenant_id, deal_id, version, to_stage_id, owner_id, extract(epoch FROM left_at - changed_at)::float8
      FROM (SELECT t.tenant_id, t.deal_id, t.version, t.to_stage_id, f.owner_id, t.changed_at,
                   lead(t.changed_at) OVER (PARTITION BY t.tenant_id, t.deal_id ORDER BY t.changed_at, t.version)
                       AS left_at
              FROM stage_transitions t
              JOIN deal_facts f USING (tenant_id, deal_id)
             WHERE NOT f.is_deleted) entered
     WHERE left_at IS NOT NULL;
    INSERT INTO stay_rollup (tenant_id, stage_id, owner_id, length_class, stay_count, total_s)
    SELECT tenant_id, stage_id, owner_id, length_class, count(*), sum(lasted_s::numeric)
      FROM stage_stays
     GROUP BY 1, 2, 3, 4;
    DROP POLICY owner_repairs ON stay_rollup;
    DROP POLICY owner_repairs ON stage_stays;
    DROP POLICY owner_repairs ON deal_facts;
    DROP POLICY owner_repairs ON stage_transitions;
"""


def upgrade() -> None:
    op.execute(STAYS)
    for table in TABLES:
        op.execute(protect(table, service="reporting"))
    op.execute(FILL)
