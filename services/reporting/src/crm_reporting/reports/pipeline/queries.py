"""SQL that reads what reports are made of, for the caller's eyes only."""

from collections.abc import Sequence

from crm_reporting.reports.pipeline.figures import ClosedSum, StageSum
from crm_reporting.reports.scope import Scope
from crm_shared.database import Connection

SUM_STAGES = """
    SELECT d.stage_id, d.currency, d.status <> 'OPEN' AS is_closed,
           sum(d.deal_count)::bigint AS deal_count, sum(d.total_amount) AS total_amount,
           sum(d.created_epoch_s) AS created_epoch_s, sum(d.stage_changed_epoch_s) AS stage_changed_epoch_s
      FROM ("""
OWNED = """
    SELECT d.stage_id, d.currency, d.status, d.deal_count, d.total_amount, d.created_epoch_s, d.stage_changed_epoch_s
      FROM deal_rollup d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND """
# What is the caller's by a contact's share alone, deal by deal: the rollup knows no contacts, as a row for each would
# make it as long as the facts.
SHARED = """
    SELECT d.stage_id, d.currency, d.status, 1, COALESCE(d.amount, 0), extract(epoch FROM d.created_at),
           extract(epoch FROM d.stage_changed_at)
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND NOT d.is_deleted AND """

# From the facts: each deal's own closing day, in the report's time zone, decides its rate, and a rollup by day and
# zone would have as many rows as there are deals. Deals in the report's own currency, the many, are not read here.
SUM_CLOSED = """
    SELECT d.stage_id, d.currency, COALESCE((d.closed_at AT TIME ZONE $3)::date, $4) AS closed_on,
           COALESCE(sum(d.amount), 0) AS total_amount
      FROM ("""
CLOSED = """
    SELECT d.stage_id, d.currency, d.closed_at, d.amount
      FROM deal_facts d
     WHERE d.tenant_id = $1 AND d.pipeline_id = $2 AND d.currency = ANY($5) AND d.status <> 'OPEN' AND NOT d.is_deleted
       AND """


# At a past moment: the values are those of then, who sees them is asked of the present. Closed deals in other
# currencies than the report's by the day that decides their rate.
SUM_PERIODS = """
    SELECT p.stage_id, p.currency, p.status <> 'OPEN' AS is_closed, p.closed_on, count(*) AS deal_count,
           COALESCE(sum(p.amount), 0) AS total_amount, sum(extract(epoch FROM p.created_at)) AS created_epoch_s,
           sum(extract(epoch FROM p.stage_changed_at)) AS stage_changed_epoch_s
      FROM ("""
PERIODS = """
    SELECT p.stage_id, p.currency, p.status, p.amount, d.created_at, p.stage_changed_at,
           CASE WHEN p.status <> 'OPEN' AND p.currency <> $3
                THEN COALESCE((p.closed_at AT TIME ZONE $4)::date, $5) END AS closed_on
      FROM deal_periods p
      JOIN deal_facts d ON (d.tenant_id, d.deal_id) = (p.tenant_id, p.deal_id)
     WHERE p.tenant_id = $1 AND p.pipeline_id = $2 AND p.valid_from <= $6 AND (p.valid_to > $6 OR p.valid_to IS NULL)
       AND """


async def sum_stages(connection: Connection, scope: Scope) -> list[StageSum]:
    """Add up by stage, currency and whether closed: the rollup, and the facts that only a share shows."""
    where = scope.where()
    owned, *shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join([OWNED + owned, *(SHARED + branch for branch in shared)])
    rows = await connection.fetch(SUM_STAGES + seen + ") d GROUP BY 1, 2, 3", *where.parameters)
    return [StageSum(**row) for row in rows]


async def sum_closed(connection: Connection, scope: Scope, *, currencies: Sequence[str]) -> list[ClosedSum]:
    """Add up closed deals in `currencies` by stage, currency and the day of closing in the report's time zone."""
    where = scope.where(scope.time_zone, scope.today, currencies)
    seen = " UNION ALL ".join(
        CLOSED + branch for branch in scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    )
    rows = await connection.fetch(SUM_CLOSED + seen + ") d GROUP BY 1, 2, 3", *where.parameters)
    return [ClosedSum(**row) for row in rows]


async def sum_past(connection: Connection, scope: Scope) -> tuple[list[StageSum], list[ClosedSum]]:
    """Add up the same two sums at the scope's moment, from the periods: reads every deal that there was."""
    where = scope.where(scope.currency, scope.time_zone, scope.today, scope.moment)
    branches = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id", filtered_column="p.owner_id")
    seen = " UNION ALL ".join(PERIODS + branch for branch in branches)
    rows = await connection.fetch(SUM_PERIODS + seen + ") p GROUP BY 1, 2, 3, 4", *where.parameters)
    sums = [StageSum(**{name: value for name, value in row.items() if name != "closed_on"}) for row in rows]
    closed = [
        ClosedSum(row["stage_id"], row["currency"], row["closed_on"], row["total_amount"])
        for row in rows
        if row["closed_on"] is not None
    ]
    return sums, closed
