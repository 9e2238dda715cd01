"""The worker's side: consumers that may repeat, and snapshots that tell the whole state."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.settings import DealsSettings
from crm_deals.snapshots import SOURCES
from crm_shared.clock import SystemClock, new_id
from crm_shared.contracts import Event, new_event
from crm_shared.snapshots.sources import list_snapshots
from crm_testing.answers import require_ok, walk_pages
from crm_testing.published import to_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
TABLES = ("directory_tenants", "directory_users", "visible_owners", "replica_records", "pipelines", "stages", "outbox")


def event_of(aggregate: str, tenant_id: UUID, record_id: UUID, version: int, verb: str, **state: Any) -> Event:
    whole = {"id": record_id, "version": version, "created_at": AT, "updated_at": AT, **state}
    return to_event(
        new_event(
            aggregate=aggregate,
            aggregate_id=record_id,
            verb=verb,
            version=version,
            tenant_id=tenant_id,
            occurred_at=AT + timedelta(seconds=version),
            state=whole,
            changed=None,
            actor_id=None,
        )
    )


def tenant_event(tenant_id: UUID, version: int, scope: str) -> Event:
    verb = "created" if version == 1 else "updated"
    fields = {"name": "T", "base_currency": "EUR", "time_zone": "UTC", "manager_scope": scope}
    return event_of("tenant", tenant_id, tenant_id, version, verb, **fields)


def user_event(tenant_id: UUID, user_id: UUID, version: int, role: str, manager_id: UUID | None) -> Event:
    verb = "created" if version == 1 else "updated"
    fields = {"email": "a@b.example", "full_name": "A", "role": role, "manager_id": manager_id, "active": True}
    return event_of("user", tenant_id, user_id, version, verb, **fields)


def contact_event(tenant_id: UUID, contact_id: UUID, version: int, name: str) -> Event:
    return event_of(
        "contact", tenant_id, contact_id, version, "created" if version == 1 else "updated", first_name=name
    )


async def consume(deals: ServiceKit[DealsSettings], batch: Sequence[Event]) -> None:
    own = [event for event in batch if event.aggregate in {"tenant", "user"}]
    await consumers.keep_directory(own, deals.database)
    await consumers.keep_replicas([event for event in batch if event.aggregate == "contact"], deals.database)
    await consumers.give_pipelines(
        [event for event in batch if event.aggregate == "tenant"], deals.database, SystemClock()
    )


async def test_any_prefix_again_changes_no_row(deals: ServiceKit[DealsSettings]) -> None:
    tenant_id, boss, rep, contact_id = new_id(), new_id(), new_id(), new_id()
    events = [
        tenant_event(tenant_id, 1, "DIRECT"),
        user_event(tenant_id, boss, 1, "REP", None),
        user_event(tenant_id, rep, 1, "REP", boss),
        contact_event(tenant_id, contact_id, 1, "Ada"),
        user_event(tenant_id, boss, 2, "MANAGER", None),
        contact_event(tenant_id, contact_id, 2, "Ada L"),
        tenant_event(tenant_id, 2, "SUBTREE"),
    ]
    await consume(deals, events)
    before = await deals.list_rows(*TABLES)
    assert any("Ada L" in row for row in before["replica_records"])
    for end in range(1, len(events) + 1):
        await consume(deals, events[:end])
    await consume(deals, events[::-1])
    for event in events[::-1]:
        await consume(deals, [event])
    assert await deals.list_rows(*TABLES) == before


async def test_in_any_order_the_outcome_is_the_same(deals: ServiceKit[DealsSettings]) -> None:
    tenant_id, boss, rep = new_id(), new_id(), new_id()
    events = [
        user_event(tenant_id, rep, 2, "REP", boss),
        user_event(tenant_id, rep, 1, "REP", None),
        user_event(tenant_id, boss, 1, "MANAGER", None),
        tenant_event(tenant_id, 1, "DIRECT"),
    ]
    for event in events:
        await consume(deals, [event])
    async with deals.database.read_as_worker() as connection:
        rows = await connection.fetch("SELECT viewer_id, owner_id FROM visible_owners WHERE tenant_id = $1", tenant_id)
    assert [tuple(row) for row in rows] == [(boss, rep)]


async def test_a_new_tenant_gets_its_pipeline_once(deals: ServiceKit[DealsSettings]) -> None:
    tenants = [new_id(), new_id()]
    batch = [tenant_event(tenant_id, version, "DIRECT") for version in (1, 2) for tenant_id in tenants]
    await consume(deals, batch)
    await consume(deals, batch)
    for tenant_id in tenants:
        [event] = await deals.take_events(tenant_id)
        assert (event.type, event.actor_id, len(event.state["stages"])) == ("crm.pipeline.created", None, 6)


async def test_snapshots_tell_the_whole_state_and_history(sales: Sales) -> None:
    moved = await sales.create(amount="5", stage_id=sales.stages["Discovery"])
    for stage in ("Proposal", "Closed Won", "Negotiation", "Closed Lost"):
        moved = await sales.move(moved, stage)
    deleted = await sales.create()
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE deals SET deleted_at = now() WHERE id = $1", deleted["id"])
        await transaction.execute("UPDATE pipelines SET archived = true WHERE tenant_id = $1", sales.tenant.id)
    all_of_them = [event async for event in list_snapshots(sales.kit.database, SOURCES)]
    events = [to_event(event) for event in all_of_them if event.tenant_id == sales.tenant.id]
    assert [event.type for event in events] == ["crm.pipeline.snapshot", "crm.deal.snapshot", "crm.deal.snapshot"]
    assert [stage["name"] for stage in events[0].state["stages"]] == list(sales.stages)
    by_id = {event.state["id"]: event for event in events}
    snapshot = by_id[moved["id"]]
    assert (snapshot.state, snapshot.version) == (moved, moved["version"])
    assert by_id[deleted["id"]].state["deleted_at"] is not None
    history = await walk_pages(sales.rep, f"/v1/deals/{moved['id']}/history")
    for entry in history:
        entry.pop("seconds_in_stage")
    assert snapshot.history == history
    entries = snapshot.read_history()
    assert [entry.version for entry in entries] == [1, 2, 3, 5, 7]
    assert all(later.from_stage == earlier.to_stage for earlier, later in pairwise(entries))


async def test_snapshots_page_through_everything(
    sales: Sales, elsewhere: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crm_shared.database.walks.PAGE_ROWS", 2)
    made = {(await side.create())["id"] for side in (sales, elsewhere) for _ in range(3)}
    published = [str(event.aggregate_id) async for event in list_snapshots(sales.kit.database, SOURCES)]
    assert made <= set(published)
    assert len(published) == len(set(published))
    assert require_ok(await sales.rep.get("/v1/deals"))["items"]
