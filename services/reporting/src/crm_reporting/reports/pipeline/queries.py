"""SQL that reads what reports are made of, for the caller's eyes only."""

from collections.abc import Sequence

from crm_reporting.reports.pipeline.figures import ClosedSum, ReportStage, StageSum
from crm_reporting.reports.scope import Scope
from crm_shared.database import Connection

LIST_STAGES = """
    SELECT s.id, s.name, s.kind, s.win_probability, s.is_removed
      FROM stages s
     WHERE s.tenant_id = $1 AND s.pipeline_id = $2
     ORDER BY s.is_removed, s.position, s.id
"""

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


async def list_stages(connection: Connection, scope: Scope) -> list[ReportStage]:
    """Give the stages in the pipeline's order, then those that have left it."""
    rows = await connection.fetch(LIST_STAGES, scope.caller.tenant_id, scope.pipeline_id)
    return [ReportStage(**row) for row in rows]


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
