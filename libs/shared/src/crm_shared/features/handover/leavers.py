"""SQL of the worker's role: finds users who left something behind, and holds them as they are while it is given on."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from crm_shared.database import Database, Transaction
from crm_shared.features.handover.owned_records import HandOver, OwnedRecords

# To the end of each chain, since successors leave too. UNION, not UNION ALL: replicas hear of users in any order, so
# that for a moment two may seem to follow each other.
_CHAINS: Final = """
    WITH RECURSIVE chain AS (
        SELECT tenant_id, id AS leaver_id, successor_id AS next_id, handed_over_by
          FROM directory_users
         WHERE NOT active AND successor_id IS NOT NULL AND ($1::uuid[] IS NULL OR tenant_id = ANY($1))
        UNION
        SELECT c.tenant_id, c.leaver_id, u.successor_id, c.handed_over_by
          FROM chain c
          JOIN directory_users u ON u.tenant_id = c.tenant_id AND u.id = c.next_id
         WHERE NOT u.active AND u.successor_id IS NOT NULL
    ), leavers AS (
        SELECT c.tenant_id, c.leaver_id, c.next_id AS successor_id, c.handed_over_by
          FROM chain c
          JOIN directory_users s ON s.tenant_id = c.tenant_id AND s.id = c.next_id AND s.active
    )
    SELECT l.tenant_id, l.leaver_id, l.successor_id, l.handed_over_by AS actor_id
      FROM leavers l
"""
# LATERAL with LIMIT: one probe of an index for each leaver, whatever the planner thinks of the table.
_WHO_HAVE: Final = " CROSS JOIN LATERAL ("
_ONE: Final = " LIMIT 1) AS owned ORDER BY l.tenant_id, l.leaver_id"

# A lock that is held is passed over and not waited for: keeping the directory takes these rows in orders of its own.
LOCK_BOTH: Final = """
    SELECT id
      FROM directory_users
     WHERE tenant_id = $1
       AND ((id = $2 AND NOT active AND successor_id IS NOT NULL) OR (id = $3 AND active))
       FOR SHARE SKIP LOCKED
"""

FIND_VERSIONS: Final = """
    SELECT count(*)
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS wanted (tenant_id, id, version)
      JOIN directory_users u ON u.tenant_id = wanted.tenant_id AND u.id = wanted.id AND u.version >= wanted.version
"""


async def list_due(
    database: Database, owned_records: OwnedRecords, tenant_ids: Sequence[UUID] | None
) -> list[HandOver]:
    """Return who left records of this kind and to whom they go; `tenant_ids` None asks for all tenants."""
    async with database.read_as_worker() as connection:
        rows = await connection.fetch(_CHAINS + _WHO_HAVE + owned_records.has_any + _ONE, tenant_ids)
    return [HandOver(**row) for row in rows]


async def lock_users(transaction: Transaction, hand_over: HandOver) -> bool:
    """Keep both users as they are to the transaction's end. False when one has changed, or is being changed."""
    rows = await transaction.fetch(LOCK_BOTH, hand_over.tenant_id, hand_over.leaver_id, hand_over.successor_id)
    return len(rows) == len({hand_over.leaver_id, hand_over.successor_id})


async def knows(database: Database, tenant_ids: Sequence[UUID], ids: Sequence[UUID], versions: Sequence[int]) -> bool:
    """Return whether the directory here has all these users in these versions, or later ones."""
    async with database.read_as_worker() as connection:
        return int(await connection.fetchval(FIND_VERSIONS, tenant_ids, ids, versions)) == len(ids)
