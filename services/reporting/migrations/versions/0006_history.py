"""What deals and stages were at each past moment."""

from alembic import op

from crm_shared.database.rls import protect
from crm_shared.database.time_range_checks import range_check

revision = "0006"
down_revision = "0005"

VERSIONS = """
    -- A row for each version that changed a dated value, with all of them as they were after it. `is_move`: the stage
    -- and what comes with it changed; `is_edit`: the other values did.
    CREATE TABLE deal_versions (
        tenant_id        uuid NOT NULL,
        deal_id          uuid NOT NULL,
        version          bigint NOT NULL,
        changed_at       timestamptz NOT NULL,
        is_move          boolean NOT NULL,
        is_edit          boolean NOT NULL,
        pipeline_id      uuid,
        stage_id         uuid,
        stage_changed_at timestamptz,
        status           text CHECK (status IN ('OPEN', 'WON', 'LOST')),  -- null: a deletion that could not be read
        closed_at        timestamptz,
        amount           numeric CHECK (abs(amount) < 'Infinity'),
        currency         text,
        owner_id         uuid,
        close_date       date,
        is_deleted       boolean NOT NULL,
        PRIMARY KEY (tenant_id, deal_id, version)
    );
"""

PERIODS = """
    -- What the versions add up to: a deal's values from `valid_from` until before `valid_to` (null: still so), in
    -- business time. While a deal is deleted it has no period.
    CREATE TABLE deal_periods (
        tenant_id        uuid NOT NULL,
        deal_id          uuid NOT NULL,
        valid_from       timestamptz NOT NULL,
        valid_to         timestamptz,
        pipeline_id      uuid NOT NULL,
        stage_id         uuid NOT NULL,
        stage_changed_at timestamptz NOT NULL,
        status           text NOT NULL CHECK (status IN ('OPEN', 'WON', 'LOST')),
        closed_at        timestamptz,
        amount           numeric CHECK (abs(amount) < 'Infinity'),
        currency         text NOT NULL,
        owner_id         uuid,
        close_date       date,
        PRIMARY KEY (tenant_id, deal_id, valid_from)
    ) WITH (fillfactor = 85);
    CREATE INDEX deal_periods_by_end ON deal_periods (tenant_id, pipeline_id, valid_to, valid_from);
"""

STAGES = """
    CREATE TABLE stage_versions (
        tenant_id       uuid NOT NULL,
        pipeline_id     uuid NOT NULL,
        version         bigint NOT NULL,
        stage_id        uuid NOT NULL,
        changed_at      timestamptz NOT NULL,
        name            text NOT NULL,
        win_probability integer NOT NULL,
        kind            text NOT NULL CHECK (kind IN ('OPEN', 'WON', 'LOST')),
        position        integer NOT NULL,
        PRIMARY KEY (tenant_id, pipeline_id, version, stage_id)
    );
"""


MOMENTS = {
    "deal_versions": ("changed_at", "stage_changed_at", "closed_at", "close_date"),
    "deal_periods": ("valid_from", "valid_to", "stage_changed_at", "closed_at", "close_date"),
    "stage_versions": ("changed_at",),
}


def upgrade() -> None:
    op.execute(VERSIONS)
    op.execute(PERIODS)
    op.execute(STAGES)
    for table, columns in MOMENTS.items():
        op.execute(range_check(table, columns))
        op.execute(protect(table, service="reporting"))
