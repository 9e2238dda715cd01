"""What may be merged is looked at again under the locks: rights, owners and shares may have changed since."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from services.contacts.tests.integration.duplicates_kit import AGAIN, JOHN, Dedup, list_merges

from crm_contacts.directory import repository as directory
from crm_contacts.duplicates.merging import merge_sure
from crm_shared.access.directory import refresh_visible_owners
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines


Json = dict[str, Any]


@pytest.fixture
async def dedup(dedup: Dedup) -> Dedup:
    """Leave what is sure to the system, as new tenants do."""
    await dedup.set_auto_merge(on=True)
    return dedup


async def merge_what_is_sure(dedup: Dedup, *contacts: Json) -> None:
    await merge_sure(
        dedup.kit.database, {(dedup.tenant.id, UUID(contact["id"])) for contact in contacts}, SystemClock()
    )


@pytest.mark.parametrize("change", ["hand-over", "new manager", "role", "the tenant's wish"])
async def test_what_was_allowed_when_it_was_found_need_not_be_later(dedup: Dedup, change: str) -> None:
    tenant = dedup.tenant
    await dedup.set_auto_merge(on=False)
    one, other = await dedup.create(tenant.manager, **JOHN), await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()
    admin = dedup.kit.client(tenant.admin)
    await dedup.set_auto_merge(on=change != "the tenant's wish")
    if change == "hand-over":
        await dedup.patch(other, owner_id=str(tenant.other_rep.id))
    elif change == "new manager":
        require_ok(await admin.patch(f"/v1/users/{tenant.rep.id}", json={"manager_id": None}))
    elif change == "role":
        require_ok(await admin.patch(f"/v1/users/{tenant.manager.id}", json={"role": "REP"}))

    await merge_what_is_sure(dedup, one, other)
    await dedup.consume()

    assert await list_merges(dedup) == []


async def test_a_merge_waits_for_a_change_of_the_org_and_goes_by_it(dedup: Dedup) -> None:
    tenant = dedup.tenant
    await dedup.set_auto_merge(on=False)
    one, other = await dedup.create(tenant.manager, **JOHN), await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()
    await dedup.set_auto_merge(on=True)

    async with dedup.kit.database.begin_as_worker() as transaction:  # as PATCH /v1/users does, half-way
        await directory.lock_tenant(transaction, tenant.id)
        await transaction.execute("UPDATE directory_users SET manager_id = NULL WHERE id = $1", tenant.rep.id)
        await refresh_visible_owners(transaction, [tenant.id])
        merging = asyncio.create_task(merge_what_is_sure(dedup, one, other))
        done, _ = await asyncio.wait([merging], timeout=0.5)
        assert not done
    await merging

    assert await list_merges(dedup) == []


async def test_a_merge_waits_for_a_hand_over_and_goes_by_it(dedup: Dedup) -> None:
    tenant = dedup.tenant
    await dedup.set_auto_merge(on=False)
    one, other = await dedup.create(tenant.rep, **JOHN), await dedup.create(tenant.rep, **AGAIN)
    await dedup.consume()
    await dedup.set_auto_merge(on=True)

    async with dedup.kit.database.begin_as_worker() as transaction:
        give = "UPDATE contacts SET owner_id = $2, version = 2 WHERE id = $1"
        await transaction.execute(give, UUID(other["id"]), tenant.other_rep.id)
        merging = asyncio.create_task(merge_what_is_sure(dedup, one))
        done, _ = await asyncio.wait([merging], timeout=0.5)
        assert not done
    await merging

    assert await list_merges(dedup) == []
