"""Removes the values of deleted fields, page by page, after every answer has stopped showing them.

A record that loses values is edited by the system: one version and one `updated` event, as its whole state has
changed. Deleted records lose theirs silently: nobody reads them, and one that is restored tells its whole state.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_shared.backpressure import Backpressure
from crm_shared.clock import Clock
from crm_shared.database import Database, Transaction
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.record_adapters import Edit, RecordAdapter

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


# The keys $2 of the rows of tenant $1 after id $3. Locked as an edit locks them.
LOCK: Final = """
     WHERE {alias}.tenant_id = $1 AND {alias}.custom_data ?| $2::text[] AND {alias}.id > $3
     ORDER BY {alias}.id
     LIMIT $4
       FOR NO KEY UPDATE OF {alias}
"""
CLEAN: Final = """
    UPDATE {table}
       SET custom_data = custom_data - $2::text[],
           version = CASE WHEN deleted_at IS NULL THEN version + 1 ELSE version END,
           updated_at = CASE WHEN deleted_at IS NULL THEN $4 ELSE updated_at END
     WHERE tenant_id = $1 AND id = ANY($3)
"""

RecordAdapters = Mapping[EntityType, RecordAdapter[Any]]
"""The records that have fields of each type. Their columns show custom_data without the values that are hidden."""


class ValueCleaner:
    """Removes deleted fields with their values. `database` is the worker role's."""

    def __init__(
        self, database: Database, adapters: RecordAdapters, clock: Clock, backpressure: Backpressure | None = None
    ) -> None:
        self._database = database
        self._backpressure = backpressure
        self._adapters = adapters
        self._clock = clock

    async def has_work(self) -> bool:
        """Return whether a deleted field still has values or an index."""
        async with self._database.read_as_worker() as connection:
            return bool(await connection.fetchval(HAS_WORK))

    async def converge(self) -> None:
        """Clean what is due, and mark what becomes due once the transactions of now have ended."""
        async with self._database.begin_as_worker() as transaction:
            due = await transaction.fetch(LIST_DUE)
            await transaction.execute(BEGIN_CLEANING)
        for row in due:
            await self._clean(row["tenant_id"], self._adapters[EntityType(row["entity_type"])], row["keys"])
            async with self._database.begin_as_worker() as transaction:
                await transaction.execute(FORGET, row["tenant_id"], row["ids"])

    async def _clean(self, tenant_id: UUID, adapter: RecordAdapter[Any], keys: Sequence[str]) -> None:
        after: UUID | None = NO_ID
        while after is not None:
            if self._backpressure is not None:
                await self._backpressure.wait()
            async with self._database.begin_as_worker() as transaction:
                after = await self._clean_page(transaction, tenant_id, adapter, keys, after)

    async def _clean_page(
        self, transaction: Transaction, tenant_id: UUID, adapter: RecordAdapter[Any], keys: Sequence[str], after: UUID
    ) -> UUID | None:
        """Clean one page. Gives its last id, None when there is no further one."""
        now = self._clock.now()
        names = {"table": adapter.table, "alias": adapter.alias}
        stored: LiteralString = ", " + adapter.alias + ".custom_data AS stored"
        statement = adapter.select(stored) + LOCK.format_map(names)
        rows = await transaction.fetch(statement, tenant_id, keys, after, PAGE_RECORDS)
        if not rows:
            return None
        await transaction.execute(CLEAN.format_map(names), tenant_id, keys, [row["id"] for row in rows], now)
        present = [dict(row) for row in rows if row["deleted_at"] is None]
        edits = [_lose_values(adapter, row.pop("stored"), row, now) for row in present]
        await adapter.publish_edits(transaction, edits, tenant_id=tenant_id, actor_id=None)
        return UUID(int=rows[-1]["id"].int)


def _lose_values(adapter: RecordAdapter[Any], stored: object, row: Mapping[str, Any], now: datetime) -> Edit[Any]:
    edit = adapter.edit(adapter.to_record(row), now=now)
    return replace(edit, before=replace(edit.before, custom_data=stored))
