"""SQL that adds up closings, stretch by stretch, for the caller's eyes only: sums of days, and facts at the edges."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from crm_reporting.reports.closings.figures import ClosedSum
from crm_reporting.reports.closings.stretches import Stretches
from crm_reporting.reports.scope import Scope
from crm_reporting.reports.seen_owners import seek_sums
from crm_shared.access import Permission
from crm_shared.access.visibility import governed_by
from crm_shared.database import Connection, Where

COUNTED: Final = """
    SELECT {number} AS number, {owner_id} AS owner_id, {stage_id} AS stage_id, c.status, c.currency,
           sum(c.deal_count)::bigint AS deal_count, sum(c.valued_count)::bigint AS valued_count,
           sum(c.total_amount) AS total_amount, sum(c.total_cycle_s) AS total_cycle_s
      FROM ("""
ROLLED: Final = """
    SELECT width_bucket(r.closed_day, $8::date[]) AS number, r.owner_id, r.stage_id, r.status, r.currency,
           r.deal_count, r.valued_count, r.total_amount, r.total_cycle_s
      FROM closing_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $2 AND """

EACH_STRETCH: Final = "c.number"
# Where rates change, what is in the report's own currency stays in the stretch that its day's sum went to. So it is
# counted as of one stretch where it has to meet what was taken away by its own moment.
OWN_CURRENCY_AT_ONCE: Final = "CASE WHEN c.currency = $7 THEN 1 ELSE c.number END"

# A fact at an edge is taken from the stretch that its day's sum went to, and put where it belongs. One probe of an
# index for each edge, whatever the planner knows of the rows.
AT_EDGES: Final = """
    UNION ALL
    SELECT s.number, d.owner_id, d.stage_id, d.status, d.currency, s.sign, s.sign * d.valued, s.sign * d.amount,
           s.sign * d.cycle_s
      FROM unnest($4::timestamptz[], $5::timestamptz[], $6::boolean[]) AS e (begins_at, ends_at, is_of_rates)
     CROSS JOIN LATERAL (
        SELECT d.owner_id, {stage_id} AS stage_id, d.status, d.currency, d.closed_at, {values}
          FROM deal_facts d
         WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status <> 'OPEN' AND NOT d.is_deleted
           AND d.closed_at >= e.begins_at AND d.closed_at < e.ends_at AND (NOT e.is_of_rates OR d.currency <> $7)
           AND {seen}
        OFFSET 0) d
     CROSS JOIN LATERAL (
        VALUES (1, width_bucket(d.closed_at, $3::timestamptz[])),
               (-1, width_bucket(date_trunc('day', d.closed_at, 'UTC') + interval '12 hours', $3::timestamptz[]))
        ) AS s (sign, number)"""
# What a contact's share alone shows, deal by deal: sums know no contacts.
SHARED: Final = """
    UNION ALL
    SELECT width_bucket(d.closed_at, $3::timestamptz[]), d.owner_id, {stage_id}, d.status, d.currency, 1, {values}
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status <> 'OPEN' AND NOT d.is_deleted AND {seen}"""
# What another won than its owner of today: taken from the owner's sums, and put to the winner's where the deal is seen.
WON_BY_OTHERS: Final = """
    UNION ALL
    SELECT width_bucket(h.closed_at, $3::timestamptz[]), h.{user_id}, NULL, 'WON', h.currency, {sign},
           {sign} * COALESCE(h.amount <> 0, false)::int, {sign} * COALESCE(h.amount, 0), 0
      FROM handed_over_wins h
     WHERE h.tenant_id = $1 AND h.pipeline_id = $2 AND h.closed_at >= {first} AND h.closed_at < {last} AND {seen}"""
VALUES: Final = """COALESCE(d.amount <> 0, false)::int AS valued, COALESCE(d.amount, 0) AS amount,
               extract(epoch FROM GREATEST(d.closed_at - d.created_at, interval '0')) AS cycle_s"""
BY_STRETCH: Final = ") c WHERE {kept} GROUP BY 1, 2, 3, 4, 5 HAVING sum(c.deal_count) <> 0"


async def sum_of_window(
    connection: Connection, scope: Scope, stretches: Stretches, *, by_owner: bool
) -> list[ClosedSum]:
    """Add up what closed in the stretches, all of a window."""
    where = _begin(scope, stretches)
    asked = _ask_window(where, stretches)
    of_shares = f"d.closed_at >= {asked.first} AND d.closed_at < {asked.last}"
    statement = _compose(scope, where, _Parts(asked.of_days, "true", of_shares), by_owner=by_owner)
    rows = await connection.fetch(statement + BY_STRETCH.format(kept=asked.kept), *where.parameters)
    return [ClosedSum(**row) for row in rows]


async def sum_by_winner(connection: Connection, scope: Scope, stretches: Stretches) -> list[ClosedSum]:
    """Add up what was won in the stretches by who owned it then, of the users in sight: `owner_id` is theirs.

    The owners asked for are these users; what nobody owned then is left out.
    """
    where = _begin(scope, stretches)
    asked = _ask_window(where, stretches)
    parts = _Parts(f"r.status = 'WON' AND {asked.of_days}", "d.status = 'WON'", None)
    statement = _compose(scope, where, parts, by_owner=True, number=OWN_CURRENCY_AT_ONCE)
    [of_owners] = scope.list_branches(where.fork(), "h.owner_id", contact_id=None)
    statement += _move(asked, "owner_id", "-1", of_owners)
    of_winners = where.fork().add_sql(governed_by(where, scope.caller, "h.winner_id"))
    for seen in scope.list_branches(of_winners, "h.owner_id", contact_id="h.contact_id", filtered_column="h.winner_id"):
        statement += _move(asked, "winner_id", "1", seen)
    kept = f"{asked.kept} AND c.owner_id IS NOT NULL"
    rows = await connection.fetch(statement + BY_STRETCH.format(kept=kept), *where.parameters)
    return [ClosedSum(**row) for row in rows]


async def sum_of_stages(
    connection: Connection, scope: Scope, stretches: Stretches, currencies: Sequence[str]
) -> list[ClosedSum]:
    """Add up by stage what ever closed in these currencies."""
    where = _begin(scope, stretches)
    taken = where.number(currencies)
    of_facts = f"d.currency = ANY ({taken})"
    statement = _compose(scope, where, _Parts(f"r.currency = ANY ({taken})", of_facts, of_facts), by_stage=True)
    rows = await connection.fetch(statement + BY_STRETCH.format(kept="true"), *where.parameters)
    return [ClosedSum(**row) for row in rows]


class _Parts(NamedTuple):
    """Clauses for the parts of one statement: over days' sums, over facts at edges, over facts that a share shows.

    None of shares: these are not to be added.
    """

    of_days: str
    of_edges: str
    of_shares: str | None


class _Asked(NamedTuple):
    """A window in SQL: the numbers of its ends, the days' sums that touch it, and which stretches are its own."""

    first: str
    last: str
    of_days: str
    kept: str


def _ask_window(where: Where, stretches: Stretches) -> _Asked:
    count = where.number(len(stretches.first_days))
    first, last = where.number(stretches.cuts[0]), where.number(stretches.cuts[-1])
    days = " AND ".join(f"({instant}::timestamptz AT TIME ZONE 'UTC')::date" for instant in (first, last))
    return _Asked(first, last, f"r.closed_day BETWEEN {days}", f"c.number BETWEEN 1 AND {count}")


def _move(asked: _Asked, user_id: str, sign: str, seen: str) -> str:
    return WON_BY_OTHERS.format(user_id=user_id, sign=sign, first=asked.first, last=asked.last, seen=seen)


def _begin(scope: Scope, stretches: Stretches) -> Where:
    edges = stretches.edges
    return scope.where(
        stretches.cuts,
        [edge.begin for edge in edges],
        [edge.end for edge in edges],
        [edge.is_of_rates for edge in edges],
        scope.currency,
        stretches.home_days,
    )


def _compose(
    scope: Scope,
    where: Where,
    parts: _Parts,
    *,
    by_owner: bool = False,
    by_stage: bool = False,
    number: str = EACH_STRETCH,
) -> str:
    sees_all = scope.caller.can(Permission.SEE_ALL)
    of_days = seek_sums(where, scope, by_owner=by_owner) + " AND " + parts.of_days
    [of_edges] = scope.list_branches(where.fork().add_sql(parts.of_edges), "d.owner_id", contact_id=None)
    stage_id = "d.stage_id" if by_stage else "NULL::uuid"
    statement = COUNTED.format(
        number=number,
        owner_id="c.owner_id" if by_owner else "NULL::uuid",
        stage_id="c.stage_id" if by_stage else "NULL::uuid",
    )
    statement += ROLLED + of_days + AT_EDGES.format(stage_id=stage_id, values=VALUES, seen=of_edges)
    if parts.of_shares is not None and scope.caller.has_shares and not sees_all:
        shared = where.fork().add_sql(parts.of_shares)
        for seen in scope.list_branches(shared, "d.owner_id", contact_id="d.contact_id")[1:]:
            statement += SHARED.format(stage_id=stage_id, values=VALUES, seen=seen)
    return statement
