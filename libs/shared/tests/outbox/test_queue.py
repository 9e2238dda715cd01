"""The relay's statements on a real outbox."""

import pytest

from crm_shared.outbox.queue import ANY, BACKLOG, OutboxQueue
from crm_shared.publishing import publish
from crm_testing.outboxes import OutboxDatabase, make_deal_event

pytestmark = pytest.mark.engines


async def test_an_outbox_is_empty_until_a_row_waits_and_again_once_it_is_acknowledged(database: OutboxDatabase) -> None:
    connection = await database.connect()
    queue = await OutboxQueue.open(connection)
    assert await queue.is_empty()
    await publish(connection, [make_deal_event()], audited=False)
    assert not await queue.is_empty()
    [row] = await queue.take(acknowledged=[], under_way=[], limit=10)
    assert await queue.take(acknowledged=[], under_way=[row["position"]], limit=10) == []
    assert not await queue.is_empty()  # what is under way waits too
    assert await queue.take(acknowledged=[row["position"]], under_way=[], limit=10) == []
    assert await queue.is_empty()
    await connection.close()


@pytest.mark.parametrize("statement", [ANY, BACKLOG], ids=["any", "backlog"])
async def test_what_was_sent_and_is_not_vacuumed_yet_is_not_read_again(
    database: OutboxDatabase, statement: str
) -> None:
    """The relay asks as often as it can: read from its beginning, the table is all that a rush has left in it."""
    connection = await database.connect()
    await OutboxQueue.open(connection)
    plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement}"))
    assert "Seq Scan on outbox" not in plan
    assert "outbox_pkey" in plan
    await connection.close()
