"""Whether what reports add up from is what deals and activities add up to: sums and periods against facts."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from prometheus_client import Gauge

from crm_reporting.activities import sums as activities
from crm_reporting.closings import losses
from crm_reporting.closings.store import COLUMNS, RECOMPUTED
from crm_reporting.conversions import store as conversions
from crm_reporting.emails import recount as emails
from crm_reporting.exclusive_turns import Turn
from crm_reporting.history import forecasts
from crm_reporting.history import sums as periods
from crm_reporting.stays import store as stays
from crm_reporting.store import BY_KEY, RECOMPUTED_SUMS
from crm_reporting.wins import store as wins
from crm_shared.database import Connection, Database

DIFFERENCES: Final = Gauge(
    "crm_reporting_differences",
    "Rows that are not what the facts say, by table, as the last look had it",
    ["table"],
)

# The sums are compared as sets: a key of theirs may be null, which no join of both sides takes. The period that has no
# end is the deal as it stands; a deal whose history nobody has told yet has none. A statement sees one moment.
FIND_DIFFERENCES: Final = (
    "WITH recomputed AS ("  # noqa: S608 - texts of ours
    + RECOMPUTED_SUMS
    + " AND ($1::uuid IS NULL OR tenant_id = $1)"
    + BY_KEY
    + """
    ), rolled AS (
        SELECT tenant_id, pipeline_id, stage_id, owner_id, currency, close_month, status, deal_count, total_amount,
               created_epoch_s, stage_changed_epoch_s
          FROM deal_rollup
         WHERE $1::uuid IS NULL OR tenant_id = $1
    ), reclosed AS ("""
    + RECOMPUTED
    + "), closed AS (SELECT "
    + COLUMNS
    + " FROM closing_rollup WHERE $1::uuid IS NULL OR tenant_id = $1), relost AS ("
    + losses.RECOMPUTED
    + "), lost AS (SELECT "
    + losses.COLUMNS
    + " FROM loss_rollup WHERE $1::uuid IS NULL OR tenant_id = $1), reperioded AS ("
    + periods.RECOMPUTED
    + "), perioded AS (SELECT "
    + periods.COLUMNS
    + " FROM period_rollup WHERE $1::uuid IS NULL OR tenant_id = $1), reforecast AS ("
    + forecasts.RECOMPUTED
    + "), forecast AS (SELECT "
    + forecasts.COLUMNS
    + " FROM forecast_rollup WHERE $1::uuid IS NULL OR tenant_id = $1), redone AS ("
    + activities.RECOMPUTED
    + "), done AS (SELECT "
    + activities.COLUMNS
    + " FROM activity_rollup WHERE $1::uuid IS NULL OR tenant_id = $1), rewon AS ("
    + wins.RECOMPUTED
    + "), won AS (SELECT "
    + wins.COLUMNS
    + " FROM handed_over_wins WHERE $1::uuid IS NULL OR tenant_id = $1), reconverted AS ("
    + conversions.RECOMPUTED
    + "), converted AS (SELECT "
    + conversions.COLUMNS
    + " FROM stage_conversions WHERE $1::uuid IS NULL OR tenant_id = $1), restayed AS ("
    + stays.RECOMPUTED
    + "), summed AS ("
    + stays.RECOMPUTED_SUMS
    + """
    ), stayed AS (
        SELECT tenant_id, deal_id, version, stage_id, owner_id, lasted_s
          FROM stage_stays
         WHERE $1::uuid IS NULL OR tenant_id = $1
    ), stays_rolled AS (
        SELECT tenant_id, stage_id, owner_id, length_class, stay_count, total_s
          FROM stay_rollup
         WHERE $1::uuid IS NULL OR tenant_id = $1
    )
    SELECT tenant_id, 'deal_rollup' AS table,
           count(DISTINCT (pipeline_id, stage_id, owner_id, currency, close_month, status)) AS row_count
      FROM ((TABLE recomputed EXCEPT ALL TABLE rolled)
             UNION ALL
            (TABLE rolled EXCEPT ALL TABLE recomputed)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'closing_rollup',
           count(DISTINCT (pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id))
      FROM ((TABLE reclosed EXCEPT ALL TABLE closed)
             UNION ALL
            (TABLE closed EXCEPT ALL TABLE reclosed)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'loss_rollup', count(DISTINCT (pipeline_id, is_of_all, owner_id, closed_day, lost_reason))
      FROM ((TABLE relost EXCEPT ALL TABLE lost)
             UNION ALL
            (TABLE lost EXCEPT ALL TABLE relost)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'period_rollup',
           count(DISTINCT (pipeline_id, is_of_all, is_month, owner_id, first_day, held_by, is_open, stage_id, currency,
                           closed_day))
      FROM ((TABLE reperioded EXCEPT ALL TABLE perioded)
             UNION ALL
            (TABLE perioded EXCEPT ALL TABLE reperioded)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'forecast_rollup',
           count(DISTINCT (pipeline_id, is_of_all, is_month, owner_id, closes_on, first_day, held_by, stage_id,
                           currency))
      FROM ((TABLE reforecast EXCEPT ALL TABLE forecast)
             UNION ALL
            (TABLE forecast EXCEPT ALL TABLE reforecast)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'activity_rollup', count(DISTINCT (done_day, user_id))
      FROM ((TABLE redone EXCEPT ALL TABLE done)
             UNION ALL
            (TABLE done EXCEPT ALL TABLE redone)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'handed_over_wins', count(DISTINCT deal_id)
      FROM ((TABLE rewon EXCEPT ALL TABLE won)
             UNION ALL
            (TABLE won EXCEPT ALL TABLE rewon)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'stage_stays', count(DISTINCT (deal_id, version))
      FROM ((TABLE restayed EXCEPT ALL TABLE stayed)
             UNION ALL
            (TABLE stayed EXCEPT ALL TABLE restayed)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'stay_rollup', count(DISTINCT (stage_id, owner_id, length_class))
      FROM ((TABLE summed EXCEPT ALL TABLE stays_rolled)
             UNION ALL
            (TABLE stays_rolled EXCEPT ALL TABLE summed)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT tenant_id, 'stage_conversions', count(DISTINCT (deal_id, from_stage_id, to_stage_id))
      FROM ((TABLE reconverted EXCEPT ALL TABLE converted)
             UNION ALL
            (TABLE converted EXCEPT ALL TABLE reconverted)) AS different
     GROUP BY tenant_id
     UNION ALL
    SELECT f.tenant_id, 'deal_periods', count(*)
      FROM deal_facts f
      LEFT JOIN deal_periods p
        ON (p.tenant_id, p.deal_id) = (f.tenant_id, f.deal_id) AND p.valid_to IS NULL
     WHERE ($1::uuid IS NULL OR f.tenant_id = $1)
       AND (f.is_deleted = (p.deal_id IS NOT NULL)
            OR NOT f.is_deleted
               AND (p.pipeline_id, p.stage_id, p.stage_changed_at, p.status, p.closed_at, p.amount, p.currency,
                    p.owner_id, p.close_date)
                   IS DISTINCT FROM (f.pipeline_id, f.stage_id, f.stage_changed_at, f.status, f.closed_at, f.amount,
                                     f.currency, f.owner_id, f.close_date))
     GROUP BY f.tenant_id
     ORDER BY 1, 2
"""
)

REMEDIES: Final = {
    "deal_rollup": "`crm-reporting recount` makes the sums anew",
    "closing_rollup": "`crm-reporting recount` makes the sums anew",
    "loss_rollup": "`crm-reporting recount` makes the sums anew",
    "period_rollup": "`crm-reporting recount` makes the sums anew",
    "forecast_rollup": "`crm-reporting recount` makes the sums anew",
    "activity_rollup": "`crm-reporting recount` makes the sums anew",
    "handed_over_wins": "`crm-reporting recount` makes these rows anew",
    **dict.fromkeys(emails.COLUMNS, "`crm-reporting recount` finds anew what answers each e-mail"),
    "stage_conversions": "`crm-reporting recount` makes these rows anew",
    "stage_stays": "`crm-reporting recount` makes stays and sums anew",
    "stay_rollup": "`crm-reporting recount` makes stays and sums anew",
    "deal_periods": "`crm-deals republish` tells what deals were at each past moment",
}
"""By table: what mends it."""

# Of one tenant the planner may know nothing, and hold each of its e-mails against each. For the session: there is no
# transaction.
HASH_ROWS: Final = "SET enable_nestloop = off"
AS_PLANNED: Final = "RESET enable_nestloop"

TIMEOUT_S: Final = 1800.0
"""For one look at all deals and activities of all tenants."""


class Difference(NamedTuple):
    """`row_count` rows of `table` that are not what the tenant's facts say."""

    tenant_id: UUID
    table: str
    row_count: int


async def find_differences(connection: Connection, tenant_id: UUID | None = None) -> list[Difference]:
    """Compare the tables with the facts, of one tenant or of all. Reads every one: seconds for a million deals.

    `connection` is the worker role's.
    """
    rows = list(await connection.fetch(FIND_DIFFERENCES, tenant_id))
    await connection.execute(HASH_ROWS)
    try:
        for table in emails.COLUMNS:
            rows += await connection.fetch(emails.compare(table), tenant_id)
    finally:
        await connection.execute(AS_PLANNED)
    return sorted(Difference(**row) for row in rows)


async def look(dsn: str, tenant_id: UUID | None = None) -> list[Difference]:
    """Do the same over a connection of its own, which no other work waits for."""
    async with (
        Database.opened(dsn, max_size=1, statement_timeout_s=TIMEOUT_S) as database,
        database.read_as_worker() as connection,
    ):
        return await find_differences(connection, tenant_id)


def make_turn(dsn: str) -> Turn:
    """Make the turn that workers look by: one of them does, however many run."""
    return Turn(dsn, "verification", statement_timeout_s=TIMEOUT_S)


async def watch_differences(turn: Turn) -> None:
    """Look over all tenants and set the metric, if the turn is ours; else try to take it, for the next time.

    So a worker that has just started looks at nothing yet, and of many one looks. The metric is that one's alone.
    """
    is_ours = turn.is_held
    try:
        session = await turn.take()
        if session is not None and is_ours:
            _set_metric(await find_differences(session))
    except BaseException:
        DIFFERENCES.clear()
        await turn.leave()
        raise


def _set_metric(found: Sequence[Difference]) -> None:
    for table in REMEDIES:
        DIFFERENCES.labels(table).set(sum(one.row_count for one in found if one.table == table))
