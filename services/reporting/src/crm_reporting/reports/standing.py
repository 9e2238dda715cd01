"""SQL that adds up what stood in each stage at a past moment, for the caller's eyes only.

Sums of months and days of UTC (`history/sums.py`) tell what there was when the moment's own day began; of that day the
periods are read that began or ended by then. So it costs what months, days and owners cost, and one day's changes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from crm_reporting.reports import past_periods
from crm_reporting.reports.closings.stretches import Stretches
from crm_reporting.reports.past_periods import NOON
from crm_reporting.reports.scope import Scope
from crm_reporting.reports.seen_owners import seek_sums
from crm_shared.database import Connection, Where

STOOD: Final = """
    SELECT s.stage_id, s.currency, s.is_open, s.number, sum(s.deal_count)::bigint AS deal_count,
           sum(s.valued_count)::bigint AS valued_count, sum(s.total_amount) AS total_amount,
           sum(s.created_epoch_s) AS created_epoch_s, sum(s.stage_changed_epoch_s) AS stage_changed_epoch_s
      FROM ("""
BY_STAGE: Final = ") s GROUP BY 1, 2, 3, 4 HAVING sum(s.deal_count) <> 0"

# $3 is the moment, $4 the midnight of UTC before it, $5 its day there and $6 the first of that month.
ROLLED: Final = """
    SELECT r.stage_id, r.currency, r.is_open, {number} AS number, r.deal_count, r.valued_count, r.total_amount,
           r.created_epoch_s, r.stage_changed_epoch_s
      FROM period_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $2 AND """
OF_MONTHS: Final = "r.is_month AND r.first_day < $6::date AND "
OF_DAYS: Final = "NOT r.is_month AND r.first_day >= $6::date AND r.first_day < $5::date AND "

# One probe for each period's deal, whatever the planner knows of the rows.
OF_PERIOD: Final = "\n    SELECT p.stage_id, p.currency, p.status = 'OPEN', {number}, {values}"
SINCE_MIDNIGHT: Final = (
    OF_PERIOD  # noqa: S608 - texts of ours
    + past_periods.SINCE_MIDNIGHT
    + """
     CROSS JOIN LATERAL (
        SELECT f.owner_id, f.created_at FROM deal_facts f WHERE f.tenant_id = $1 AND f.deal_id = p.deal_id OFFSET 0) d
     WHERE p.pipeline_id = $2 AND """
)
# What closed in a day of UTC was put where the day's noon is: what closed beyond a change of rates is moved over.
AT_EDGES: Final = """
    SELECT p.stage_id, p.currency, false, s.number, {values}
      FROM unnest({begins}::timestamptz[], {ends}::timestamptz[]) AS e (begins_at, ends_at)
     CROSS JOIN LATERAL (
        SELECT c.*
          FROM deal_periods c
         WHERE c.tenant_id = $1 AND c.pipeline_id = $2 AND c.status <> 'OPEN' AND c.currency <> {currency}
           AND c.closed_at >= e.begins_at AND c.closed_at < e.ends_at
           AND c.valid_from <= $3::timestamptz AND (c.valid_to > $3::timestamptz OR c.valid_to IS NULL)
        OFFSET 0) p
     CROSS JOIN LATERAL (
        SELECT f.owner_id, f.created_at FROM deal_facts f WHERE f.tenant_id = $1 AND f.deal_id = p.deal_id OFFSET 0) d
     CROSS JOIN LATERAL (VALUES (1, {exact}), (-1, {noon})) AS s (sign, number)
     WHERE """
# What a contact's share alone shows, deal by deal: sums know no contacts.
SHARED: Final = OF_PERIOD + past_periods.OF_EACH_DEAL
VALUES: Final = """{sign}, {sign} * COALESCE(p.amount <> 0, false)::int, {sign} * COALESCE(p.amount, 0),
           {sign} * extract(epoch FROM d.created_at), {sign} * extract(epoch FROM p.stage_changed_at)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """Deals that stood in one stage in one currency, open or closed.

    `number`: of closed ones in other currencies than the report's the stretch in which they closed; None where no
    moment is known. `valued_count`: those that have an amount. The instants are sums of seconds since 1970.
    """

    stage_id: UUID
    currency: str
    is_open: bool
    number: int | None
    deal_count: int
    valued_count: int
    total_amount: Decimal
    created_epoch_s: Decimal
    stage_changed_epoch_s: Decimal


class _Numbers(NamedTuple):
    """How the stretch of a closing is told: of a day's sum, of a period by its day's noon, and exactly."""

    of_days: str = "NULL::integer"
    by_noon: str = "NULL::integer"
    exact: str = "NULL::integer"


async def sum_open(connection: Connection, scope: Scope, moment: datetime) -> list[Standing]:
    """Add up what was open at `moment`. The owners that were named are those of then."""
    where = _begin(scope, moment)
    parts = _list_parts(scope, where, _Numbers(), of_sums="r.is_open", of_periods="p.status = 'OPEN'")
    return await _fetch(connection, parts, where)


async def sum_all(connection: Connection, scope: Scope, moment: datetime, stretches: Stretches) -> list[Standing]:
    """Add up all that there was at `moment`, closed deals in other currencies by the stretch in which they closed."""
    where = _begin(scope, moment)
    currency = where.number(scope.currency)
    days, cuts = where.number(stretches.home_days) + "::date[]", where.number(stretches.cuts) + "::timestamptz[]"
    bucket = "CASE WHEN {is_closed} AND {row}.currency <> {currency} THEN width_bucket({at}, {cuts}) END"

    def to_bucket(row: str, is_closed: str, at: str, cuts: str) -> str:
        return bucket.format(row=row, is_closed=is_closed, at=at, cuts=cuts, currency=currency)

    is_closed = "p.status <> 'OPEN'"
    numbers = _Numbers(
        to_bucket("r", "NOT r.is_open", "r.closed_day", days),
        to_bucket("p", is_closed, NOON, cuts),
        to_bucket("p", is_closed, "p.closed_at", cuts),
    )
    parts = _list_parts(scope, where, numbers, of_sums="true", of_periods="true")
    if stretches.edges:
        begins, ends = (where.number([getattr(edge, end) for edge in stretches.edges]) for end in ("begin", "end"))
        edges = AT_EDGES.format(
            begins=begins,
            ends=ends,
            currency=currency,
            exact=numbers.exact,
            noon=numbers.by_noon,
            values=VALUES.format(sign="s.sign"),
        )
        [seen] = scope.list_branches(where.fork(), "d.owner_id", contact_id=None, filtered_column="p.owner_id")
        parts.append(edges + seen)
    return await _fetch(connection, parts, where)


def _begin(scope: Scope, moment: datetime) -> Where:
    day = moment.astimezone(UTC).date()
    return scope.where(moment, datetime.combine(day, time.min, UTC), day, day.replace(day=1))


def _list_parts(scope: Scope, where: Where, numbers: _Numbers, *, of_sums: str, of_periods: str) -> list[str]:
    seen = seek_sums(where, scope, held_by="r.held_by") + " AND " + of_sums
    values = VALUES.format(sign="p.sign")
    owned, *shared = scope.list_branches(
        where.fork().add_sql(of_periods), "d.owner_id", contact_id="d.contact_id", filtered_column="p.owner_id"
    )
    return [
        *(ROLLED.format(number=numbers.of_days) + days + seen for days in (OF_MONTHS, OF_DAYS)),
        SINCE_MIDNIGHT.format(number=numbers.by_noon, values=values) + owned,
        *(SHARED.format(number=numbers.exact, values=values) + branch for branch in shared),
    ]


async def _fetch(connection: Connection, parts: list[str], where: Where) -> list[Standing]:
    rows = await connection.fetch(STOOD + " UNION ALL ".join(parts) + BY_STAGE, *where.parameters)
    return [Standing(**row) for row in rows]
