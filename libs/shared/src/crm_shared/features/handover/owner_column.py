"""Records that are handed over by setting one column: who owns them."""

from datetime import datetime
from typing import Final, LiteralString

from crm_shared.database import Transaction
from crm_shared.features.handover.owned_records import BATCH_RECORDS, HandOver, OwnedRecords
from crm_shared.record_adapters import RecordAdapter, RecordT

HAS_ANY: Final = "SELECT 1 FROM {table} WHERE tenant_id = l.tenant_id AND {owner} = l.leaver_id AND {where}"
LOCK: Final = """
     WHERE {alias}.tenant_id = $1 AND {alias}.{owner} = $2 AND {where}
     ORDER BY {alias}.created_at, {alias}.id
     LIMIT $3
       FOR NO KEY UPDATE OF {alias} SKIP LOCKED
"""
GIVE: Final = """
    UPDATE {table} SET {owner} = $3, version = version + 1, updated_at = $4 WHERE tenant_id = $1 AND id = ANY($2)
"""


def owned_by_column(
    adapter: RecordAdapter[RecordT], *, owner: LiteralString = "owner_id", where: LiteralString = "deleted_at IS NULL"
) -> OwnedRecords:
    """Make the holding of records of which the column `owner` names the user.

    `where` leaves out those that stay with the leaver: deleted ones do, one that is restored later is found by the
    sweep. It reads as the partial index of the owner has it, word for word.
    """
    names = {"table": adapter.table, "alias": adapter.alias, "owner": owner, "where": where}
    lock, give_on = adapter.select() + LOCK.format_map(names), GIVE.format_map(names)

    async def give(transaction: Transaction, hand_over: HandOver, now: datetime) -> int:
        tenant_id, successor_id = hand_over.tenant_id, hand_over.successor_id
        rows = await transaction.fetch(lock, tenant_id, hand_over.leaver_id, BATCH_RECORDS)
        given = [adapter.edit(adapter.to_record(row), now=now, **{owner: successor_id}) for row in rows]
        await transaction.execute(give_on, tenant_id, [edit.record.id for edit in given], successor_id, now)
        await adapter.publish_edits(transaction, given, tenant_id=tenant_id, actor_id=hand_over.actor_id)
        return len(given)

    return OwnedRecords(adapter.aggregate, HAS_ANY.format_map(names), give)
