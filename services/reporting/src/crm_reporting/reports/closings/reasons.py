"""SQL that counts why deals were lost, for the caller's eyes only: sums of days, and facts at the window's edges."""

from typing import Final

from crm_reporting.reports.closings.figures import ClosedGroup
from crm_reporting.reports.closings.stretches import cut_window
from crm_reporting.reports.scope import Scope, Window
from crm_reporting.reports.seen_owners import seek_sums
from crm_shared.database import Connection

MAX_REASONS: Final = 1_000
"""They are free text, so there may be as many as deals: the most frequent ones are given."""

# Of texts that came equally often the order is the letters', whatever order the database was made with.
COUNTED: Final = """
    SELECT c.lost_reason COLLATE "C" AS group_key, 0::bigint AS won, sum(c.deal_count)::bigint AS lost,
           0::numeric AS total_cycle_s, NULL::float8 AS median_cycle_s,
           (sum(sum(c.deal_count)) OVER ())::bigint AS closed_in_all
      FROM ("""
ROLLED: Final = """
    SELECT width_bucket(r.closed_day, $6::date[]) AS number, r.lost_reason, r.deal_count
      FROM loss_rollup r
     WHERE r.tenant_id = $1 AND r.pipeline_id = $2
       AND r.closed_day BETWEEN ({first}::timestamptz AT TIME ZONE 'UTC')::date
                            AND ({last}::timestamptz AT TIME ZONE 'UTC')::date AND {seen}"""
# As of closings: a fact at an edge is taken from where its day's sum went to, and put where it belongs.
AT_EDGES: Final = """
    UNION ALL
    SELECT s.number, d.lost_reason, s.sign
      FROM unnest($4::timestamptz[], $5::timestamptz[]) AS e (begins_at, ends_at)
     CROSS JOIN LATERAL (
        SELECT d.lost_reason, d.closed_at
          FROM deal_facts d
         WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'LOST' AND NOT d.is_deleted
           AND d.closed_at >= e.begins_at AND d.closed_at < e.ends_at AND {seen}
        OFFSET 0) d
     CROSS JOIN LATERAL (
        VALUES (1, width_bucket(d.closed_at, $3::timestamptz[])),
               (-1, width_bucket(date_trunc('day', d.closed_at, 'UTC') + interval '12 hours', $3::timestamptz[]))
        ) AS s (sign, number)"""
# What a contact's share alone shows, deal by deal: sums know no contacts.
SHARED: Final = """
    UNION ALL
    SELECT 1, d.lost_reason, 1
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'LOST' AND NOT d.is_deleted
       AND d.closed_at >= {first} AND d.closed_at < {last} AND {seen}"""
BY_COUNT: Final = ") c WHERE c.number = 1 GROUP BY 1 HAVING sum(c.deal_count) <> 0 ORDER BY lost DESC, 1 LIMIT "


async def count_reasons(connection: Connection, scope: Scope, window: Window) -> list[ClosedGroup]:
    """Count the deals that were lost in the window by reason, the most frequent ones first."""
    stretches = cut_window(window, scope.time_zone, by_month=False, rate_days=())
    edges = stretches.edges
    begins, edge_ends = [edge.begin for edge in edges], [edge.end for edge in edges]
    where = scope.where(stretches.cuts, begins, edge_ends, stretches.home_days)
    ends = {"first": where.number(window.begin), "last": where.number(window.end)}
    of_days = seek_sums(where, scope)
    of_edges, *of_shares = scope.list_branches(where.fork(), "d.owner_id", contact_id="d.contact_id")
    statement = COUNTED + ROLLED.format(seen=of_days, **ends) + AT_EDGES.format(seen=of_edges)
    statement += "".join(SHARED.format(seen=seen, **ends) for seen in of_shares)
    rows = await connection.fetch(statement + BY_COUNT + where.number(MAX_REASONS), *where.parameters)
    return [ClosedGroup(**row) for row in rows]
