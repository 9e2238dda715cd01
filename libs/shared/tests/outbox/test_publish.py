"""Events are published in order, audited or not; and commands may do nothing with the outbox but that."""

import json
import uuid
from dataclasses import replace

import asyncpg
import pytest

from crm_shared.contracts import Change
from crm_shared.features.audit import AUDIT_DDL
from crm_shared.json_text import JsonText, to_json
from crm_shared.publishing import publish
from crm_shared.telemetry.traces import continue_trace
from crm_testing.outboxes import OCCURRED_AT, TENANT_ID, OutboxDatabase, make_deal_event

pytestmark = pytest.mark.engines


async def test_events_keep_their_order_and_carry_the_trace(database: OutboxDatabase) -> None:
    deal_id = uuid.uuid4()
    events = [make_deal_event(deal_id, version=version) for version in range(1, 51)]
    traceparent = continue_trace(None)

    worker = await database.connect()
    await publish(worker, events, audited=False)
    rows = await worker.fetch("SELECT sequence, id, payload, traceparent FROM outbox ORDER BY position")
    await worker.close()

    assert [row["sequence"] for row in rows] == list(range(1, 51))
    assert [row["id"] for row in rows] == [event.id for event in events]
    assert rows[0]["payload"] == events[0].payload
    assert {row["traceparent"] for row in rows} == {traceparent}


async def test_what_is_audited_is_kept_as_a_change_too_and_nothing_else(database: OutboxDatabase) -> None:
    owner = await database.connect("owner")
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute(AUDIT_DDL)
    await owner.execute(f"SET LOCAL crm.tenant_id = '{TENANT_ID}'")
    actor_id = uuid.uuid4()
    changed: dict[str, Change] = {"name": {"from": "Acme", "to": "Acme renewal"}}
    created, unaudited = make_deal_event(), make_deal_event()
    edited = replace(
        make_deal_event(created.aggregate_id, version=2), changed=JsonText(to_json(changed)), actor_id=actor_id
    )

    await publish(owner, [unaudited], audited=False)
    await publish(owner, [created, edited], audited=True)

    ids = await owner.fetchval("SELECT array_agg(id ORDER BY position) FROM outbox")
    kept = await owner.fetch("SELECT *, changed::text AS changes FROM record_changes ORDER BY version")
    await transaction.rollback()
    await owner.close()
    assert ids == [unaudited.id, created.id, edited.id]
    assert [(row["version"], row["verb"], row["actor_id"]) for row in kept] == [
        (1, "created", None),
        (2, "updated", actor_id),
    ]
    assert [row["changes"] and json.loads(row["changes"]) for row in kept] == [None, changed]
    assert {(row["tenant_id"], row["aggregate"], row["record_id"], row["changed_at"]) for row in kept} == {
        (TENANT_ID, "deal", created.aggregate_id, OCCURRED_AT)
    }


async def test_nothing_to_publish_asks_nothing_of_the_database(database: OutboxDatabase) -> None:
    connection = await database.connect()
    await connection.close()
    await publish(connection, [], audited=False)  # a closed connection would raise if it were used


async def test_the_app_role_publishes_for_its_own_tenant_alone(database: OutboxDatabase) -> None:
    app = await database.connect("app")
    await app.execute(f"SET crm.tenant_id = '{TENANT_ID}'")
    await publish(app, [make_deal_event()], audited=False)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await publish(app, [make_deal_event(tenant_id=uuid.uuid4())], audited=False)
    await app.execute("SET crm.tenant_id = ''")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await publish(app, [make_deal_event()], audited=False)
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
