"""What roles may do with the outbox: commands append rows of their own tenant, in order, and that is all."""

import uuid

import asyncpg
import pytest

from crm_shared.outbox import append
from crm_shared.telemetry.traces import continue_trace
from crm_shared.testing.outboxes import TENANT_ID, OutboxDatabase, make_deal_event

pytestmark = pytest.mark.engines


async def test_events_keep_their_order_and_carry_the_trace(database: OutboxDatabase) -> None:
    deal_id = uuid.uuid4()
    events = [make_deal_event(deal_id, version=version) for version in range(1, 51)]
    traceparent = continue_trace(None)

    worker = await database.connect()
    await append(worker, events)
    rows = await worker.fetch("SELECT sequence, id, payload, traceparent FROM outbox ORDER BY position")
    await worker.close()

    assert [row["sequence"] for row in rows] == list(range(1, 51))
    assert [row["id"] for row in rows] == [event.id for event in events]
    assert rows[0]["payload"] == events[0].payload
    assert {row["traceparent"] for row in rows} == {traceparent}


async def test_nothing_to_append_asks_nothing_of_the_database(database: OutboxDatabase) -> None:
    connection = await database.connect()
    await connection.close()
    await append(connection, [])  # a closed connection would raise if it were used


async def test_the_app_role_appends_for_its_own_tenant_alone(database: OutboxDatabase) -> None:
    app = await database.connect("app")
    await app.execute(f"SET crm.tenant_id = '{TENANT_ID}'")
    await append(app, [make_deal_event()])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append(app, [make_deal_event(tenant_id=uuid.uuid4())])
    await app.execute("SET crm.tenant_id = ''")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await append(app, [make_deal_event()])
    await app.close()


@pytest.mark.parametrize("statement", ["SELECT 1 FROM outbox", "DELETE FROM outbox", "UPDATE outbox SET type = ''"])
async def test_the_app_role_can_neither_read_nor_change_the_outbox(database: OutboxDatabase, statement: str) -> None:
    app = await database.connect("app")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await app.execute(statement)
    await app.close()


async def test_the_outbox_is_made_by_an_owner_role_only(database: OutboxDatabase) -> None:
    from crm_shared.outbox import OUTBOX_DDL  # noqa: PLC0415 - beside its one use

    admin = await database.connect_as_admin()
    transaction = admin.transaction()
    await transaction.start()
    await admin.execute("DROP TABLE outbox")
    with pytest.raises(asyncpg.RaiseError, match="_owner"):
        await admin.execute(OUTBOX_DDL)
    await transaction.rollback()
    await admin.close()
