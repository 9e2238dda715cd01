"""SQL that reads what reports are made of, for the caller's eyes only."""

from collections.abc import Sequence

from crm_reporting.exchange_rates.queries import list_rate_days
from crm_reporting.reports import standing
from crm_reporting.reports.closings.stretches import cut_at_rates
from crm_reporting.reports.closings.sums import sum_of_stages
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


async def sum_stages(connection: Connection, scope: Scope) -> list[StageSum]:
    """Add up by stage, currency and whether closed: the rollup, and the facts that only a share shows."""
    where = scope.where()
    owned, *shared = scope.list_branches(where, "d.owner_id", contact_id="d.contact_id")
    seen = " UNION ALL ".join([OWNED + owned, *(SHARED + branch for branch in shared)])
    rows = await connection.fetch(SUM_STAGES + seen + ") d GROUP BY 1, 2, 3", *where.parameters)
    return [StageSum(**row) for row in rows]


async def sum_closed(connection: Connection, scope: Scope, *, currencies: Sequence[str]) -> list[ClosedSum]:
    """Add up closed deals in `currencies` by stage, currency and a day that has the rates of their closing's."""
    stretches = cut_at_rates(await list_rate_days(connection, scope.caller), scope.time_zone)
    return [
        ClosedSum(
            found.stage_id,
            found.currency,
            scope.today if found.number is None else stretches.first_day_of(found.number),
            found.total_amount,
        )
        for found in await sum_of_stages(connection, scope, stretches, currencies)
        if found.stage_id is not None
    ]


async def sum_past(connection: Connection, scope: Scope) -> tuple[list[StageSum], list[ClosedSum]]:
    """Add up the same two sums at the scope's moment: values and owners of then, who sees them is asked of today."""
    stretches = cut_at_rates(await list_rate_days(connection, scope.caller), scope.time_zone)
    stood = await standing.sum_all(connection, scope, scope.moment, stretches)
    sums = [
        StageSum(
            found.stage_id,
            found.currency,
            not found.is_open,
            found.deal_count,
            found.total_amount,
            found.created_epoch_s,
            found.stage_changed_epoch_s,
        )
        for found in stood
    ]
    closed = [
        ClosedSum(
            found.stage_id,
            found.currency,
            scope.today if found.number is None else stretches.first_day_of(found.number),
            found.total_amount,
        )
        for found in stood
        if not found.is_open and found.currency != scope.currency
    ]
    return sums, closed
