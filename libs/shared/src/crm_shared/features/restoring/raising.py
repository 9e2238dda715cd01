"""Lifts every record's version above all that anybody has seen of it, and tells what it is again.

A restored database goes on from versions that consumers have passed: all that it told would be stale to them. The
new versions are the moment in milliseconds (the epoch): above any that writes one by one can have reached, also after
an earlier restore, without knowing what was lost.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, LiteralString, TypeAlias
from uuid import UUID

from crm_shared.contracts import OutboxEvent
from crm_shared.contracts.writing import restored
from crm_shared.database import Database, Transaction
from crm_shared.database.walks import PAGE_ROWS, to_page
from crm_shared.publishing import publish
from crm_shared.snapshots.sources import SnapshotSource

# `old` in RETURNING is PostgreSQL 18's. Rows are locked in the order of their keys, as everywhere.
RAISE_PAGE: Final[LiteralString] = """
    WITH page AS (
        SELECT tenant_id, {key} AS id
          FROM {table}
         WHERE (tenant_id, {key}) > ($1, $2)
         ORDER BY tenant_id, {key}
         LIMIT $3
           FOR NO KEY UPDATE
    )
    UPDATE {table} t
       SET version = greatest(t.version + 1, $4)
      FROM page
     WHERE t.tenant_id = page.tenant_id AND t.{key} = page.id
    RETURNING t.tenant_id, t.{key} AS id, old.version AS restored_from
"""


Key: TypeAlias = tuple[UUID, UUID]
"""Tenant and id."""


def to_epoch(moment: datetime) -> int:
    """Return the version that records have from `moment` on."""
    return int(moment.timestamp() * 1000)


async def raise_versions(database: Database, source: SnapshotSource, *, epoch: int) -> AsyncIterator[int]:
    """Raise the versions of all records of `source` and append a snapshot of each to the outbox.

    A transaction a page: what is raised is told, so an interrupted run is simply run again. Gives the count of each
    page. `database` is the worker role's.
    """
    after: Key = (UUID(int=0), UUID(int=0))
    while True:
        async with database.begin_as_worker() as transaction:
            raised = await transaction.fetch(
                RAISE_PAGE.format_map({"table": source.table, "key": source.key}), *after, PAGE_ROWS, epoch
            )
            if not raised:
                return
            last = max((row["tenant_id"], row["id"]) for row in raised)
            restored_from = {row["id"]: row["restored_from"] for row in raised}
            published = [
                restored(snapshot, restored_from[snapshot.aggregate_id])
                for snapshot in await _snapshot_until(transaction, source, after, last)
                if snapshot.aggregate_id in restored_from
            ]
            await publish(transaction, published, audited=False)
        after = last
        yield len(published)


async def _snapshot_until(transaction: Transaction, source: SnapshotSource, after: Key, last: Key) -> list[OutboxEvent]:
    """Return the snapshots of all records after one key and up to another: more than a page where some came since."""
    published: list[OutboxEvent] = []
    while after < last:
        rows = await transaction.fetch(source.page_query, *after, PAGE_ROWS)
        published += await source.to_events(transaction, to_page(rows))
        after = (rows[-1]["tenant_id"], rows[-1]["id"])
    return published
