"""A replica keeps a tenant's whole state, so that any setting is read where it is needed."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from libs.shared.tests.http.things import ThingsSettings

from crm_shared.access.directory import apply_directory_events
from crm_shared.access.tenant_settings import load_tenant
from crm_shared.clock import new_id
from crm_shared.contracts import Event, new_event
from crm_shared.contracts.states import TenantState
from crm_shared.database import Database
from crm_testing.published import to_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
Things = ServiceKit[ThingsSettings]


def publish(tenant_id: UUID, version: int, **fields: Any) -> Event:
    usual = {"name": "T", "base_currency": "EUR", "time_zone": "UTC", "created_at": AT, "updated_at": AT}
    return to_event(
        new_event(
            aggregate="tenant",
            aggregate_id=tenant_id,
            verb="snapshot",
            version=version,
            tenant_id=tenant_id,
            occurred_at=AT,
            state={"id": tenant_id, "version": version, **usual, **fields},
            changed=None,
            actor_id=None,
        )
    )


async def apply(database: Database, *events: Event) -> None:
    async with database.begin_as_worker() as transaction:
        await apply_directory_events(transaction, events)


async def load(database: Database, tenant_id: UUID) -> TenantState | None:
    async with database.read_as_worker() as connection:
        return await load_tenant(connection, tenant_id)


async def find_state(database: Database, tenant_id: UUID) -> Any:
    async with database.read_as_worker() as connection:
        return await connection.fetchval("SELECT state FROM directory_tenants WHERE tenant_id = $1", tenant_id)


async def test_a_tenant_is_read_with_all_that_its_newest_event_said(things: Things) -> None:
    tenant_id = new_id()
    assert await load(things.database, tenant_id) is None
    first, second = publish(tenant_id, 1, auto_merge=False), publish(tenant_id, 2, default_region="DE")
    await apply(things.database, second, first)
    assert await load(things.database, tenant_id) == second.read(TenantState)
    assert (await find_state(things.database, tenant_id))["version"] == 2


async def test_a_snapshot_brings_what_was_not_known_when_its_version_came(things: Things) -> None:
    tenant_id = new_id()
    event = publish(tenant_id, 3, auto_merge=False)
    await apply(things.database, event)
    async with things.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_tenants SET state = NULL WHERE tenant_id = $1", tenant_id)
    assert await load(things.database, tenant_id) == event.read(TenantState)
    await apply(things.database, event)
    assert (await find_state(things.database, tenant_id))["auto_merge"] is False


async def test_a_state_that_the_row_has_left_behind_does_not_win_over_it(things: Things) -> None:
    tenant_id = new_id()
    await apply(things.database, publish(tenant_id, 1))
    async with things.database.begin_as_worker() as transaction:  # as a worker of a release that knows no state
        await transaction.execute(
            "UPDATE directory_tenants SET version = 2, time_zone = 'Europe/Rome' WHERE tenant_id = $1", tenant_id
        )
    found = await load(things.database, tenant_id)
    assert found is not None
    assert (found.version, found.time_zone) == (2, "Europe/Rome")
