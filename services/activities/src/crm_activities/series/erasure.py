"""Ends the series of a contact that is erased: what would be copied into later instances goes."""

from typing import Final
from uuid import UUID

from crm_shared.database import Database

# What was given to a contact that lives on in the erased one is theirs too. In one order, as others end series too.
END_SERIES: Final = """
    WITH RECURSIVE family AS (
        SELECT $2::uuid AS id
        UNION
        SELECT r.id
          FROM family
          JOIN replica_records r ON r.tenant_id = $1 AND r.aggregate = 'contact' AND r.merged_into = family.id
    ), theirs AS (
        SELECT s.id
          FROM activity_series s
         WHERE s.tenant_id = $1 AND s.due_at IS NOT NULL AND s.contact_ids && ARRAY(SELECT id FROM family)
         ORDER BY s.id
           FOR UPDATE OF s
    )
    UPDATE activity_series s
       SET due_at = NULL, template = NULL, contact_ids = '{}', skipped = '{}', closed = '{}'
      FROM theirs
     WHERE s.tenant_id = $1 AND s.id = theirs.id
"""


async def end_series_of(database: Database, tenant_id: UUID, contact_id: UUID) -> None:
    """End them; instances that are being made are there when this returns, to be erased like the others."""
    async with database.begin_as_worker() as transaction:
        await transaction.execute(END_SERIES, tenant_id, contact_id)
