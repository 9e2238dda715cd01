"""What a board shows without counting: sums by stage, and when something last happened with a deal."""

from alembic import op

from crm_shared.database.rls import protect

revision = "0009"
down_revision = "0008"

# A write of a deal adds rows to stage_total_changes and meets nobody there; the worker folds them into stage_totals. A
# counter updated in the deal's own transaction would make the moves of one owner wait for each other, and two moves in
# opposite directions deadlock. A trigger, because many statements write deals: commands, batches, merges, hand-overs.
TOTALS = """
    CREATE TABLE stage_totals (
        tenant_id   uuid NOT NULL,
        pipeline_id uuid NOT NULL,
        stage_id    uuid NOT NULL,
        owner_id    uuid NOT NULL,
        currency    text NOT NULL,
        count       bigint NOT NULL,
        total       numeric NOT NULL,
        PRIMARY KEY (tenant_id, pipeline_id, stage_id, owner_id, currency)
    );
    CREATE TABLE stage_total_changes (
        position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id   uuid NOT NULL,
        pipeline_id uuid NOT NULL,
        stage_id    uuid NOT NULL,
        owner_id    uuid NOT NULL,
        currency    text NOT NULL,
        count       bigint NOT NULL,
        total       numeric NOT NULL
    ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);
    CREATE INDEX stage_total_changes_by_pipeline ON stage_total_changes (tenant_id, pipeline_id);

    CREATE FUNCTION note_stage_totals() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO stage_total_changes (tenant_id, pipeline_id, stage_id, owner_id, currency, count, total)
        SELECT side.tenant_id, side.pipeline_id, side.stage_id, side.owner_id, side.currency, sign,
               sign * COALESCE(side.amount, 0)
          FROM (SELECT OLD.*, -1 AS sign WHERE TG_OP <> 'INSERT'
                 UNION ALL
                SELECT NEW.*, 1 WHERE TG_OP <> 'DELETE') AS side
         WHERE side.deleted_at IS NULL;
        RETURN NULL;
    END $$;
    CREATE TRIGGER deals_come_or_go AFTER INSERT OR DELETE ON deals
        FOR EACH ROW EXECUTE FUNCTION note_stage_totals();
    CREATE TRIGGER deals_change AFTER UPDATE ON deals
        FOR EACH ROW WHEN ((OLD.pipeline_id, OLD.stage_id, OLD.owner_id, OLD.currency, OLD.amount,
                            OLD.deleted_at IS NULL)
                           IS DISTINCT FROM
                           (NEW.pipeline_id, NEW.stage_id, NEW.owner_id, NEW.currency, NEW.amount,
                            NEW.deleted_at IS NULL))
        EXECUTE FUNCTION note_stage_totals();

    ALTER TABLE deals NO FORCE ROW LEVEL SECURITY;
    INSERT INTO stage_totals (tenant_id, pipeline_id, stage_id, owner_id, currency, count, total)
    SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, count(*), COALESCE(sum(amount), 0)
      FROM deals
     WHERE deleted_at IS NULL
     GROUP BY 1, 2, 3, 4, 5;
    ALTER TABLE deals FORCE ROW LEVEL SECURITY;
"""

# A row for each activity, not a latest time for each deal: an activity may be deleted, or dated anew.
ACTIVITIES = """
    CREATE TABLE deal_activities (
        tenant_id   uuid NOT NULL,
        activity_id uuid NOT NULL,
        version     bigint NOT NULL,
        deal_id     uuid,
        occurred_at timestamptz NOT NULL,
        counts      boolean NOT NULL,
        PRIMARY KEY (tenant_id, activity_id)
    );
    CREATE INDEX deal_activities_by_deal ON deal_activities (tenant_id, deal_id, occurred_at) WHERE counts;
"""

INDEXES = """
    CREATE INDEX deals_on_owners_board ON deals (tenant_id, pipeline_id, stage_id, owner_id, updated_at, id)
     WHERE deleted_at IS NULL;
"""


def upgrade() -> None:
    op.execute(TOTALS)
    op.execute(ACTIVITIES)
    op.execute(INDEXES)
    for table in ("stage_totals", "stage_total_changes", "deal_activities"):
        op.execute(protect(table, service="deals"))
