"""Removes the values of deleted fields, page by page, after every answer has stopped showing them.

A record that loses values is edited by the system: one version and one `updated` event, as its whole state has
changed. Deleted records lose theirs silently: nobody reads them, and one that is restored tells its whole state.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from crm_shared.audit import tell
from crm_shared.clock import Clock
from crm_shared.contracts import OutboxEvent
from crm_shared.custom_fields.kinds import EntityType
from crm_shared.database import Database, Transaction

PAGE_RECORDS = 500
NO_ID = UUID(int=0)

# Transactions that were under way may write a value still, loaded before the field was deleted; cleaning waits until
# each that ran at this moment has ended.
BEGIN_CLEANING = """
    UPDATE custom_fields f
       SET cleaning_from = pg_current_xact_id()
      FROM (SELECT tenant_id, id FROM custom_fields WHERE deleted_at IS NOT NULL AND cleaning_from IS NULL) AS new
     WHERE f.tenant_id = new.tenant_id AND f.id = new.id
"""
HAS_WORK = "SELECT EXISTS (SELECT FROM custom_fields WHERE deleted_at IS NOT NULL)"

# With its index: dropping it first leaves one thing less to keep in step with every row.
LIST_DUE = """
    SELECT f.tenant_id, f.entity_type, array_agg(f.key) AS keys, array_agg(f.id) AS ids
      FROM custom_fields f
     WHERE f.deleted_at IS NOT NULL AND f.index_state = 'NONE'
       AND f.cleaning_from < pg_snapshot_xmin(pg_current_snapshot())
     GROUP BY f.tenant_id, f.entity_type
"""
FORGET = "DELETE FROM custom_fields WHERE tenant_id = $1 AND id = ANY($2) AND deleted_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Holders:
    """The records of one entity type.

    `lock`: selects and locks up to $4 rows of tenant $1 after id $3, in order of id, that hold a key of $2: the columns
    of the state, and `stored`, custom_data with the values that are hidden. `clean`: takes the keys $2 off the rows $3
    of tenant $1, and gives those that are not deleted their next version, at $4. `to_event` tells of one such row.
    """

    entity_type: EntityType
    lock: LiteralString
    clean: LiteralString
    to_event: Callable[[Mapping[str, Any], UUID, datetime], OutboxEvent]


class ValueCleaner:
    """Removes deleted fields with their values. `database` is the worker role's."""

    def __init__(self, database: Database, holders: Sequence[Holders], clock: Clock) -> None:
        self._database = database
        self._holders = {each.entity_type: each for each in holders}
        self._clock = clock

    async def has_work(self) -> bool:
        """Tell whether a deleted field still has values or an index."""
        async with self._database.read_as_worker() as connection:
            return bool(await connection.fetchval(HAS_WORK))

    async def settle(self) -> None:
        """Clean what is due, and mark what becomes due once the transactions of now have ended."""
        async with self._database.begin_as_worker() as transaction:
            due = await transaction.fetch(LIST_DUE)
            await transaction.execute(BEGIN_CLEANING)
        for row in due:
            await self._clean(row["tenant_id"], self._holders[EntityType(row["entity_type"])], row["keys"])
            async with self._database.begin_as_worker() as transaction:
                await transaction.execute(FORGET, row["tenant_id"], row["ids"])

    async def _clean(self, tenant_id: UUID, holders: Holders, keys: Sequence[str]) -> None:
        after: UUID | None = NO_ID
        while after is not None:
            async with self._database.begin_as_worker() as transaction:
                after = await self._clean_page(transaction, tenant_id, holders, keys, after)

    async def _clean_page(
        self, transaction: Transaction, tenant_id: UUID, holders: Holders, keys: Sequence[str], after: UUID
    ) -> UUID | None:
        """Clean one page. Gives its last id, None when there is no further one."""
        now = self._clock.now()
        rows = await transaction.fetch(holders.lock, tenant_id, keys, after, PAGE_RECORDS)
        if not rows:
            return None
        await transaction.execute(holders.clean, tenant_id, keys, [row["id"] for row in rows], now)
        await tell(
            transaction, [holders.to_event(dict(row), tenant_id, now) for row in rows if row["deleted_at"] is None]
        )
        return UUID(int=rows[-1]["id"].int)
