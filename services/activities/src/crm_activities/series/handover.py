"""Series of a user who left: what is made later is their successor's."""

from datetime import datetime
from typing import Final

from crm_shared.database import Transaction
from crm_shared.database.record_table import count_rows
from crm_shared.features.handover import HandOver, OwnedRecords
from crm_shared.features.handover.owned_records import BATCH_RECORDS

HAS_ANY: Final = """
    SELECT 1 FROM activity_series WHERE tenant_id = l.tenant_id AND user_id = l.leaver_id AND due_at IS NOT NULL
"""
GIVE: Final = """
    WITH theirs AS (
        SELECT id
          FROM activity_series
         WHERE tenant_id = $1 AND user_id = $2 AND due_at IS NOT NULL
         ORDER BY id
         LIMIT $4
           FOR UPDATE SKIP LOCKED
    )
    UPDATE activity_series s SET user_id = $3 FROM theirs WHERE s.tenant_id = $1 AND s.id = theirs.id
"""


async def give(transaction: Transaction, hand_over: HandOver, _now: datetime) -> int:
    """Give up to BATCH_RECORDS series on. Nobody is told: the instances are the records."""
    status = await transaction.execute(
        GIVE, hand_over.tenant_id, hand_over.leaver_id, hand_over.successor_id, BATCH_RECORDS
    )
    return count_rows(status)


SERIES: Final = OwnedRecords("activity_series", HAS_ANY, give)
