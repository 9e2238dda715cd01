"""Whether what reports add up from is what the deals add up to: sums against facts, periods against facts."""

from typing import Final, NamedTuple
from uuid import UUID

from prometheus_client import Gauge

from crm_reporting.store import BY_KEY, RECOMPUTED_SUMS
from crm_shared.database import Connection, Database

DIFFERENCES: Final = Gauge(
    "crm_reporting_differences",
    "Rows that are not what the facts say, by table, as the last look had it",
    ["table"],
)

# The sums are compared as sets: a key of theirs may be null, which no join of both sides takes. The period that has no
# end is the deal as it stands; a deal whose history nobody has told yet has none. One statement sees one moment.
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
    )
    SELECT tenant_id, 'deal_rollup' AS table,
           count(DISTINCT (pipeline_id, stage_id, owner_id, currency, close_month, status)) AS row_count
      FROM ((TABLE recomputed EXCEPT ALL TABLE rolled)
             UNION ALL
            (TABLE rolled EXCEPT ALL TABLE recomputed)) AS different
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
    "deal_periods": "`crm-deals republish` tells what deals were at each past moment",
}
"""By table: what mends it."""

TIMEOUT_S: Final = 1800.0
"""For one look at all deals of all tenants."""


class Difference(NamedTuple):
    """`row_count` rows of `table` that are not what the tenant's facts say."""

    tenant_id: UUID
    table: str
    row_count: int


async def find_differences(connection: Connection, tenant_id: UUID | None = None) -> list[Difference]:
    """Compare the tables with the facts, of one tenant or of all. Reads every deal: seconds for a million.

    `connection` is the worker role's.
    """
    rows = await connection.fetch(FIND_DIFFERENCES, tenant_id)
    return [Difference(**row) for row in rows]


async def look(dsn: str, tenant_id: UUID | None = None) -> list[Difference]:
    """Do the same over a connection of its own, which no other work waits for."""
    async with (
        Database.opened(dsn, max_size=1, statement_timeout_s=TIMEOUT_S) as database,
        database.read_as_worker() as connection,
    ):
        return await find_differences(connection, tenant_id)


async def watch_differences(dsn: str) -> None:
    """Look once, over all tenants, and set the metric."""
    found = await look(dsn)
    for table in REMEDIES:
        DIFFERENCES.labels(table).set(sum(one.row_count for one in found if one.table == table))
