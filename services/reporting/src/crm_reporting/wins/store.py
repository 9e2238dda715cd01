"""SQL that keeps which deals another won than their owner of today, in the transactions that write facts and periods.

A batch holds the deals' facts locked: two can't make one deal's row at a time.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_reporting.row_arrays import to_columns
from crm_shared.database import Transaction

COLUMNS: Final = "tenant_id, deal_id, pipeline_id, owner_id, winner_id, contact_id, closed_at, currency, amount"
# Who owned a deal when it closed is in the first of its periods that its present closing began. A deal whose past
# nobody has told yet is its owner's.
WINS: Final = """
    SELECT f.tenant_id, f.deal_id, f.pipeline_id, f.owner_id, p.owner_id AS winner_id, f.contact_id, f.closed_at,
           f.currency, f.amount
      FROM {deals}
     WHERE f.status = 'WON' AND NOT f.is_deleted AND p.owner_id IS DISTINCT FROM f.owner_id"""
NAMED: Final = """named n
      JOIN deal_facts f ON (f.tenant_id, f.deal_id) = (n.tenant_id, n.deal_id)
     CROSS JOIN LATERAL (
           SELECT w.owner_id
             FROM deal_periods w
            WHERE w.tenant_id = f.tenant_id AND w.deal_id = f.deal_id AND w.status = 'WON'
              AND w.closed_at = f.closed_at
            ORDER BY w.valid_from
            LIMIT 1) p"""
ALL: Final = """deal_facts f
      JOIN (SELECT DISTINCT ON (w.tenant_id, w.deal_id, w.closed_at) w.tenant_id, w.deal_id, w.closed_at, w.owner_id
              FROM deal_periods w
             WHERE w.status = 'WON' AND ($1::uuid IS NULL OR w.tenant_id = $1)
             ORDER BY w.tenant_id, w.deal_id, w.closed_at, w.valid_from) p
        ON (p.tenant_id, p.deal_id, p.closed_at) = (f.tenant_id, f.deal_id, f.closed_at)"""
# NOT IN hashes the rows; NOT EXISTS would hold each against each, as the planner takes them for a few.
MAKE: Final = (
    """
    WITH named AS (
        SELECT DISTINCT * FROM unnest($1::uuid[], $2::uuid[]) AS n (tenant_id, deal_id)
    ), wins AS MATERIALIZED ("""  # noqa: S608 - texts of ours
    + WINS.format(deals=NAMED)
    + """
    ), removed AS (
        DELETE FROM handed_over_wins h
         USING named n
         WHERE (h.tenant_id, h.deal_id) = (n.tenant_id, n.deal_id)
           AND (h.tenant_id, h.deal_id) NOT IN (SELECT w.tenant_id, w.deal_id FROM wins w)
    )
    INSERT INTO handed_over_wins AS h ("""
    + COLUMNS
    + """)
    SELECT * FROM wins
    ON CONFLICT (tenant_id, deal_id) DO UPDATE
       SET pipeline_id = excluded.pipeline_id, owner_id = excluded.owner_id, winner_id = excluded.winner_id,
           contact_id = excluded.contact_id, closed_at = excluded.closed_at, currency = excluded.currency,
           amount = excluded.amount
     WHERE (h.pipeline_id, h.owner_id, h.winner_id, h.contact_id, h.closed_at, h.currency, h.amount)
           IS DISTINCT FROM (excluded.pipeline_id, excluded.owner_id, excluded.winner_id, excluded.contact_id,
                             excluded.closed_at, excluded.currency, excluded.amount)
"""
)
# What facts and periods say, of one tenant or of all.
RECOMPUTED: Final = WINS.format(deals=ALL) + " AND ($1::uuid IS NULL OR f.tenant_id = $1)"
REMAKE: Final = (
    "DELETE FROM handed_over_wins WHERE $1::uuid IS NULL OR tenant_id = $1",
    "INSERT INTO handed_over_wins (" + COLUMNS + ") " + RECOMPUTED,
)


async def make_wins(transaction: Transaction, deals: Sequence[tuple[UUID, UUID]]) -> None:
    """Make the rows of these deals anew. `deals` are sorted; to come after their facts and periods."""
    if deals:
        await transaction.execute(MAKE, *to_columns(deals, width=2))


async def remake_wins(transaction: Transaction) -> None:
    """Make all rows anew, over all tenants; nobody may write facts meanwhile."""
    for statement in REMAKE:
        await transaction.execute(statement, None)
