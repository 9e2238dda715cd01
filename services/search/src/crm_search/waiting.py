"""Waits until the index has what a caller has just written: `?after=<Crm-Position>`."""

import asyncio
from collections.abc import Sequence
from typing import Final

from crm_search.store import DocumentStore
from crm_shared.access import Caller
from crm_shared.database import Database
from crm_shared.http.positions import Position, from_token

POLL_S: Final = 0.02

AWAITED: Final = frozenset({"contact", "company", "deal", "activity", "pipeline", "user", "tenant"})
"""What search keeps. A write of anything else can't be seen here, so there is nothing to wait for."""

# A record counts as arrived once it is as new as asked, its own document is indexed, and so is each one that shows it.
FIND_MISSING: Final = """
    WITH wanted AS (
        SELECT * FROM unnest($2::text[], $3::uuid[], $4::bigint[]) AS w (type, id, version)
    ), dirty AS MATERIALIZED (
        SELECT contact_id, company_id, deal_id, pipeline_id,
               (SELECT d.contact_id FROM search_records d
                 WHERE d.tenant_id = $1 AND d.type = 'deal' AND d.id = r.deal_id) AS deal_contact_id
          FROM search_records r
         WHERE tenant_id = $1 AND indexed_revision < revision
         ORDER BY type, id  -- the partial index's order: see records.LIST_DIRTY
         LIMIT 10000
    ), known AS (
        SELECT r.type, r.id, r.version
          FROM wanted w
          JOIN search_records r ON r.tenant_id = $1 AND r.type = w.type AND r.id = w.id
         WHERE r.indexed_revision >= r.revision AND r.spread_after IS NULL
           AND NOT EXISTS (SELECT FROM dirty d
                            WHERE r.id IN (d.contact_id, d.company_id, d.deal_id, d.pipeline_id, d.deal_contact_id))
        UNION ALL
        SELECT 'user', id, version FROM directory_users
         WHERE tenant_id = $1 AND id IN (SELECT id FROM wanted WHERE type = 'user')
        UNION ALL
        SELECT 'tenant', tenant_id, version FROM directory_tenants
         WHERE tenant_id = $1 AND tenant_id IN (SELECT id FROM wanted WHERE type = 'tenant')
    )
    SELECT EXISTS (
        SELECT FROM wanted w
         WHERE NOT EXISTS (SELECT FROM known k WHERE k.type = w.type AND k.id = w.id AND k.version >= w.version)
    )
"""


def parse_positions(tokens: Sequence[str]) -> list[Position]:
    """Read the tokens, leaving out what search doesn't hold. Raises InvalidField naming `?after`."""
    positions = [position for token in tokens for position in from_token(token)]
    return [position for position in positions if position.aggregate in AWAITED]


async def wait_for(
    positions: Sequence[Position], caller: Caller, database: Database, store: DocumentStore, *, wait_s: float
) -> bool:
    """Return True once the index has them all, visible to the next search; False when `wait_s` has passed."""
    try:
        async with asyncio.timeout(wait_s):
            while await _is_missing(positions, caller, database):  # noqa: ASYNC110 - the worker is another process
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        return False
    await store.refresh()
    return True


async def _is_missing(positions: Sequence[Position], caller: Caller, database: Database) -> bool:
    async with database.read(caller.tenant_id) as connection:
        return bool(
            await connection.fetchval(
                FIND_MISSING,
                caller.tenant_id,
                [position.aggregate for position in positions],
                [position.aggregate_id for position in positions],
                [position.version for position in positions],
            )
        )
