"""Snapshots go to the outbox in order, chunk by chunk."""

from collections.abc import AsyncIterator

import pytest

from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database
from crm_shared.snapshots.republish import republish
from crm_testing.outboxes import OutboxDatabase, make_deal_event

pytestmark = pytest.mark.engines


async def read_snapshots(count: int) -> AsyncIterator[OutboxEvent]:
    for version in range(1, count + 1):
        yield make_deal_event(version=version)


@pytest.mark.parametrize("count", [0, 1, 10, 25])
async def test_every_snapshot_is_appended_and_progress_shown(postgres_admin_dsn: str, count: int) -> None:
    outbox = OutboxDatabase(postgres_admin_dsn, "republishtest")
    await outbox.create()
    database = await Database.open(outbox.dsn("worker"))
    progress: list[int] = []
    done = await republish(database, read_snapshots(count), progress=progress.append, chunk_events=10)
    await database.close()

    connection = await outbox.connect()
    rows = await connection.fetch("SELECT sequence FROM outbox ORDER BY position")
    await connection.close()
    assert [row["sequence"] for row in rows] == list(range(1, count + 1))
    assert done == count == progress[-1]
