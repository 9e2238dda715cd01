"""SQL that writes history: versions as they are heard of, and the periods that they add up to.

Whoever writes here holds the deals' facts locked: two batches can't make one deal's periods at a time.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.history import forecasts
from crm_reporting.history.forecasts import ForecastChange
from crm_reporting.history.projections import DealVersion, StageVersion
from crm_reporting.history.sums import LIST_SUMS, FormerFact, PeriodChange
from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction

# A version never changes. Only an end that could not be read leaves its values to be filled in by a snapshot.
SAVE_DEAL_VERSIONS = """
    INSERT INTO deal_versions AS v (tenant_id, deal_id, version, changed_at, is_move, is_edit, pipeline_id, stage_id,
                                    stage_changed_at, status, closed_at, amount, currency, owner_id, close_date,
                                    is_deleted)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::boolean[], $6::boolean[],
                         $7::uuid[], $8::uuid[], $9::timestamptz[], $10::text[], $11::timestamptz[], $12::numeric[],
                         $13::text[], $14::uuid[], $15::date[], $16::boolean[])
    ON CONFLICT (tenant_id, deal_id, version) DO UPDATE
       SET pipeline_id = excluded.pipeline_id, stage_id = excluded.stage_id,
           stage_changed_at = excluded.stage_changed_at, status = excluded.status, closed_at = excluded.closed_at,
           amount = excluded.amount, currency = excluded.currency, owner_id = excluded.owner_id,
           close_date = excluded.close_date, is_deleted = excluded.is_deleted
     WHERE v.status IS NULL AND excluded.status IS NOT NULL
    RETURNING v.tenant_id, v.deal_id
"""

# Moves have their own time, which may lie before edits that came earlier. So each group of values is taken from the
# newest version, of those that changed it and had happened by then. The oldest version that is known stands for all
# before it: from the deal's creation on. NOT IN hashes the periods; NOT EXISTS held each row against each, as the
# planner takes them for one row. It gives what changed as sums: by the deal's present owner; where that is another than
# before, or whoever created it when ($3 on), by the former one all that there was is taken off first.
MAKE_PERIODS: Final = (
    """
    WITH touched AS (
        SELECT DISTINCT t.tenant_id, t.deal_id, f.created_at, f.owner_id
          FROM unnest($1::uuid[], $2::uuid[]) AS t (tenant_id, deal_id)
          JOIN deal_facts f USING (tenant_id, deal_id)
    ), known AS (
        SELECT v.tenant_id, v.deal_id, v.version, v.is_move, v.is_edit, t.created_at, v.changed_at,
               v.version = min(v.version) OVER (PARTITION BY v.tenant_id, v.deal_id) AS is_first
          FROM touched t
          JOIN deal_versions v USING (tenant_id, deal_id)
    ), moments AS (
        SELECT DISTINCT tenant_id, deal_id, at,
               max(version) FILTER (WHERE is_move OR is_first) OVER until_then AS moved,
               max(version) FILTER (WHERE is_edit OR is_first) OVER until_then AS edited
          FROM (SELECT k.*, CASE WHEN is_first THEN least(created_at, changed_at) ELSE changed_at END AS at
                  FROM known k) k
        WINDOW until_then AS (PARTITION BY tenant_id, deal_id ORDER BY at)
    ), stretches AS (
        SELECT tenant_id, deal_id, moved, edited, at AS valid_from,
               lead(at) OVER (PARTITION BY tenant_id, deal_id ORDER BY at) AS valid_to
          FROM moments
    ), periods AS MATERIALIZED (
        SELECT s.tenant_id, s.deal_id, s.valid_from, s.valid_to, m.pipeline_id, m.stage_id, m.stage_changed_at,
               m.status, m.closed_at, e.amount, e.currency, e.owner_id, e.close_date
          FROM stretches s
          JOIN deal_versions m ON (m.tenant_id, m.deal_id, m.version) = (s.tenant_id, s.deal_id, s.moved)
          JOIN deal_versions e ON (e.tenant_id, e.deal_id, e.version) = (s.tenant_id, s.deal_id, s.edited)
         WHERE NOT e.is_deleted AND m.status IS NOT NULL
    ), removed AS (
        DELETE FROM deal_periods p
         USING touched t
         WHERE (p.tenant_id, p.deal_id) = (t.tenant_id, t.deal_id)
           AND (p.tenant_id, p.deal_id, p.valid_from)
               NOT IN (SELECT n.tenant_id, n.deal_id, n.valid_from FROM periods n)
        RETURNING p.*
    ), written AS (
        INSERT INTO deal_periods AS p (tenant_id, deal_id, valid_from, valid_to, pipeline_id, stage_id,
                                       stage_changed_at, status, closed_at, amount, currency, owner_id, close_date)
        SELECT * FROM periods
        ON CONFLICT (tenant_id, deal_id, valid_from) DO UPDATE
           SET valid_to = excluded.valid_to, pipeline_id = excluded.pipeline_id, stage_id = excluded.stage_id,
               stage_changed_at = excluded.stage_changed_at, status = excluded.status, closed_at = excluded.closed_at,
               amount = excluded.amount, currency = excluded.currency, owner_id = excluded.owner_id,
               close_date = excluded.close_date
         WHERE (p.valid_to, p.pipeline_id, p.stage_id, p.stage_changed_at, p.status, p.closed_at, p.amount, p.currency,
                p.owner_id, p.close_date)
               IS DISTINCT FROM (excluded.valid_to, excluded.pipeline_id, excluded.stage_id, excluded.stage_changed_at,
                                 excluded.status, excluded.closed_at, excluded.amount, excluded.currency,
                                 excluded.owner_id, excluded.close_date)
        RETURNING old AS before, new AS after
    ), sides AS (
        SELECT t.owner_id AS present_owner_id, t.created_at, s.*
          FROM touched t
          JOIN (SELECT -1 AS sign, r.* FROM removed r
                 UNION ALL
                SELECT -1, (before).* FROM written WHERE (before).deal_id IS NOT NULL
                 UNION ALL
                SELECT 1, (after).* FROM written) s USING (tenant_id, deal_id)
         UNION ALL
        SELECT s.owner_id, s.created_at, s.sign, p.*
          FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[])
               AS f (tenant_id, deal_id, owner_id, created_at)
          JOIN touched t USING (tenant_id, deal_id)
          JOIN deal_periods p USING (tenant_id, deal_id)
         CROSS JOIN LATERAL (VALUES (-1, f.owner_id, f.created_at), (1, t.owner_id, t.created_at))
               AS s (sign, owner_id, created_at)
    ), periodic AS ("""  # noqa: S608 - texts of ours
    + LIST_SUMS.format(sides="sides")
    + "), forecast AS ("
    + forecasts.LIST_SUMS.format(sides="sides")
    + """)
    SELECT true AS is_of_periods, p.*, NULL::date AS closes_on FROM periodic p
     UNION ALL
    SELECT false, f.tenant_id, f.pipeline_id, f.is_of_all, f.is_month, f.owner_id, f.first_day, f.held_by, NULL,
           f.stage_id, f.currency, NULL, f.deal_count, NULL, f.total_amount, NULL, NULL, f.closes_on
      FROM forecast f"""
)

SAVE_STAGE_VERSIONS = """
    INSERT INTO stage_versions (tenant_id, pipeline_id, version, stage_id, changed_at, name, win_probability, kind,
                                position)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::timestamptz[], $6::text[],
                         $7::integer[], $8::text[], $9::integer[])
    ON CONFLICT (tenant_id, pipeline_id, version, stage_id) DO NOTHING
"""


# Deals of the past stand in stages that the present pipeline lists no more, and that nobody here may have heard of when
# they were listed.
FILL_IN_REMOVED_STAGES = """
    INSERT INTO stages (tenant_id, id, pipeline_id, name, win_probability, kind, position, is_removed)
    SELECT DISTINCT ON (v.tenant_id, v.stage_id) v.tenant_id, v.stage_id, v.pipeline_id, v.name, v.win_probability,
           v.kind, v.position, true
      FROM unnest($1::uuid[], $2::uuid[]) AS told (tenant_id, pipeline_id)
      JOIN stage_versions v USING (tenant_id, pipeline_id)
     ORDER BY v.tenant_id, v.stage_id, v.version DESC
    ON CONFLICT (tenant_id, id) DO NOTHING
"""


class HistoryChanges(NamedTuple):
    """What the periods that were made are to sums that come later on in the transaction."""

    periods: list[PeriodChange]
    forecasts: list[ForecastChange]


async def save_deal_versions(
    transaction: Transaction,
    versions: Sequence[DealVersion],
    former: Sequence[FormerFact],
    forgotten: Sequence[tuple[UUID, UUID]] = (),
) -> HistoryChanges:
    """Write the versions that are not there yet, and make the periods of their deals anew.

    `versions` are sorted by key, one row each. `former`: deals whose facts were written and belong to another now.
    `forgotten`: deals of which versions were deleted, as (tenant, id).
    Returns what it is to sums: for `add_periods` and `add_forecasts`, later on.
    """
    touched = [*(fact[:2] for fact in former), *forgotten]
    if versions:
        written = await transaction.fetch(SAVE_DEAL_VERSIONS, *to_columns(versions, width=len(DealVersion._fields)))
        touched += [(row["tenant_id"], row["deal_id"]) for row in written]
    if not touched:
        return HistoryChanges([], [])
    formerly = to_columns(former, width=len(FormerFact._fields))
    rows = await transaction.fetch(MAKE_PERIODS, *to_columns(touched, width=2), *formerly)
    return HistoryChanges(
        [PeriodChange(*(row[name] for name in PeriodChange._fields)) for row in rows if row["is_of_periods"]],
        [ForecastChange(*(row[name] for name in ForecastChange._fields)) for row in rows if not row["is_of_periods"]],
    )


async def save_stage_versions(transaction: Transaction, versions: Sequence[StageVersion]) -> None:
    """Write the versions of stages that are not there yet, and the stages that only these tell of.

    `versions` are sorted by key, one row each. To come after the present stages, which are not filled in.
    """
    if not versions:
        return
    await transaction.execute(SAVE_STAGE_VERSIONS, *to_columns(versions, width=len(StageVersion._fields)))
    pipelines = sorted({version[:2] for version in versions})
    await transaction.execute(FILL_IN_REMOVED_STAGES, *to_columns(pipelines, width=2))
