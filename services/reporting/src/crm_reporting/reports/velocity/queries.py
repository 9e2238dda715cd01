"""SQL that counts what was open at past moments, for the caller's eyes only."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from crm_reporting.reports.closings.figures import Grouping
from crm_reporting.reports.scope import Scope
from crm_reporting.reports.velocity.figures import OpenChange
from crm_shared.database import Connection

GROUP_COLUMNS: Final[Mapping[Grouping, LiteralString]] = {
    "all": "NULL::uuid AS group_key",
    "month": "NULL::uuid AS group_key",
    "owner": "p.owner_id AS group_key",
}

# A stretch in which a deal was open takes in the ends after its beginning, up to its own: from the first of these on
# there is one deal more, behind the last one less. So the rows are few, however long the stretches and the window.
# Whoever sees all needs no fact, and the planner then leaves the join out.
COUNT_STRETCHES = """
    SELECT p.group_key, s.step, sum(s.change)::bigint AS change
      FROM (SELECT """
STRETCHES = """, p.first_step, p.last_step, count(*) AS stretches
              FROM ("""
OPEN = """
    SELECT p.owner_id, width_bucket(p.valid_from, $3::timestamptz[]) AS first_step,
           COALESCE(width_bucket(p.valid_to, $3::timestamptz[]), cardinality($3::timestamptz[])) AS last_step
      FROM deal_periods p
      LEFT JOIN deal_facts d ON d.tenant_id = p.tenant_id AND d.deal_id = p.deal_id
     WHERE p.tenant_id = $1 AND p.pipeline_id = $2 AND p.status = 'OPEN'
       AND p.valid_from < $5 AND (p.valid_to >= $4 OR p.valid_to IS NULL) AND """
BY_STEP = """) p
             WHERE p.first_step < p.last_step
             GROUP BY 1, 2, 3) p
     CROSS JOIN LATERAL (VALUES (p.first_step, p.stretches), (p.last_step, -p.stretches)) AS s (step, change)
     GROUP BY 1, 2
     ORDER BY 2
"""

COUNT_NOW = "SELECT "
NOW = ", sum(p.deal_count)::bigint AS deals FROM ("
OPEN_NOW = """
    SELECT d.owner_id, d.deal_count
      FROM deal_rollup d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'OPEN' AND """
SHARED_NOW = """
    SELECT d.owner_id, 1
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.status = 'OPEN' AND NOT d.is_deleted AND """
BY_GROUP = ") p GROUP BY 1"


async def count_open(
    connection: Connection, scope: Scope, ends: Sequence[datetime], grouping: Grouping
) -> list[OpenChange]:
    """Say by how much the number of open deals differs at each of `ends` (past, ascending) from the one before.

    An owner is that of the moment; who may see a deal, today's owner decides.
    """
    where = scope.where(ends, ends[0], ends[-1])
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id", filtered_column="p.owner_id")
    seen = " UNION ALL ".join(OPEN + branch for branch in branches)
    statement = COUNT_STRETCHES + GROUP_COLUMNS[grouping] + STRETCHES + seen + BY_STEP
    return [OpenChange(**row) for row in await connection.fetch(statement, *where.parameters)]


async def count_open_now(connection: Connection, scope: Scope, grouping: Grouping) -> dict[UUID | None, int]:
    """Count the deals that are open: from the rollup, and from the facts those that only a share shows."""
    where = scope.where()
    owned, *shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join([OPEN_NOW + owned, *(SHARED_NOW + branch for branch in shared)])
    rows = await connection.fetch(COUNT_NOW + GROUP_COLUMNS[grouping] + NOW + seen + BY_GROUP, *where.parameters)
    return {row["group_key"]: row["deals"] for row in rows}
