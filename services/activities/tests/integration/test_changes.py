"""The audit of activities: each version by who made it, when, and what it changed."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_activities.consumers import forget_contacts, keep_replicas, note_deal_moves
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_merges import PublishedContacts
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "TASK", **fields}), 201)


async def test_each_act_is_told_of_by_who_when_and_what(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep, subject="Send offer")
    path = f"{PATH}/{activity['id']}"
    edited = require_ok(await service.client(tenant.manager).patch(path, json={"subject": "Send the offer"}))
    require_ok(await rep.patch(path, json={"subject": "Send the offer"}))  # as it was: no change
    for act in ("complete", "reopen"):
        require_ok(await rep.post(f"{path}/{act}"))
    await rep.delete(path)
    require_ok(await rep.post(f"{path}/restore"))
    found = await walk_pages(rep, f"{path}/changes", limit=2)
    assert [item["version"] for item in found] == [6, 5, 4, 3, 2, 1]
    verbs = [item["event_type"].removeprefix("crm.activity.") for item in found]
    assert verbs == ["restored", "deleted", "reopened", "completed", "updated", "logged"]
    assert found[4]["changes"] == {"subject": {"from": "Send offer", "to": "Send the offer"}}
    assert (found[4]["changed_by"], found[4]["changed_at"]) == (str(tenant.manager.id), edited["updated_at"])
    assert (found[5]["changes"], found[5]["changed_by"]) == (None, str(tenant.rep.id))


async def test_who_does_not_see_it_does_not_see_its_changes(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep)
    path = f"{PATH}/{activity['id']}/changes"
    stranger = await service.seed_tenant()
    for client in (service.client(tenant.other_rep), service.client(stranger.admin)):
        require_problem(await client.get(path), 404, "not-found")
    require_problem(await service.client(tenant.admin).get(f"{PATH}/{uuid4()}/changes"), 404, "not-found")
    require_problem(await rep.get(f"{PATH}/{activity['id']}/changes?limit=0"), 422)
    await rep.delete(f"{PATH}/{activity['id']}")
    require_problem(await rep.get(path), 404, "not-found")
    assert len(require_ok(await service.client(tenant.admin).get(path))["items"]) == 2


async def test_what_the_system_does_is_in_it(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    published = PublishedContacts(tenant.id, tenant.rep.id)
    first, second = published.create(), published.create()
    await keep_replicas(published.events, service.database)
    moved = await log(rep, contact_id=str(second))
    await keep_replicas(published.merge(second, into=first), service.database)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=first)
    await keep_replicas([*deal.create()], service.database)
    for _ in range(2):
        await note_deal_moves([*deal.events, *deal.move("Proposal")], service.database, SystemClock())
    change = require_ok(await rep.get(f"{PATH}/{moved['id']}/changes"))["items"][0]
    assert (change["version"], change["changed_by"]) == (2, None)
    assert change["changes"]["contact_id"] == {"from": str(second), "to": str(first)}
    for note in await walk_pages(rep, f"/v1/timelines/deals/{deal.id}"):
        (logged,) = require_ok(await rep.get(f"{PATH}/{note['id']}/changes"))["items"]
        assert (logged["event_type"], logged["changed_by"]) == ("crm.activity.logged", None)


async def test_the_changes_of_an_erased_activity_say_nothing(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Gone", owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    activity = await log(rep, contact_id=str(contact.id), subject="zzyzx one")
    other = await log(rep, subject="kept")
    for entry in (activity, other):
        require_ok(await rep.patch(f"{PATH}/{entry['id']}", json={"subject": "zzyzx two"}))
    erased = contact.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    items = require_ok(await service.client(tenant.admin).get(f"{PATH}/{activity['id']}/changes"))["items"]
    assert [item["version"] for item in items] == [3, 2, 1]
    assert "zzyzx" not in repr(items)
    assert items[1]["changes"] == {"subject": {"from": None, "to": None}}
    kept = require_ok(await rep.get(f"{PATH}/{other['id']}/changes"))["items"]
    assert kept[0]["changes"] == {"subject": {"from": "kept", "to": "zzyzx two"}}
