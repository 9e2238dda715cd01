"""Activities brought back: as they were, to whom they were given, unless their external id was taken meanwhile."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.retention import RESTORABLE_FOR
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.published_merges import PublishedContacts
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"


async def log(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post(PATH, json={"type": "NOTE", **fields}), 201)


async def delete(client: httpx.AsyncClient, activity: dict[str, Any]) -> str:
    """Delete the activity, give the path that restores it."""
    assert (await client.delete(f"{PATH}/{activity['id']}")).status_code == 204
    return f"{PATH}/{activity['id']}/restore"


async def test_a_deleted_activity_comes_back_as_it_was(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep, type="TASK", subject="Send offer", external_id="task-1")
    path = await delete(rep, activity)
    require_problem(await rep.get(f"{PATH}/{activity['id']}"), 404, "not-found")
    answer = await rep.post(path)
    restored = require_ok(answer)
    assert restored == {**activity, "version": 3, "updated_at": restored["updated_at"]}
    assert answer.headers["etag"] == '"3"'
    assert require_ok(await rep.get(f"{PATH}/{activity['id']}")) == restored
    assert await walk_pages(rep, PATH) == [restored]
    assert require_ok(await rep.post(path)) == restored  # it is there: nothing to do
    events = await service.take_events(tenant.id)
    assert [(event.verb, event.version) for event in events] == [("logged", 1), ("deleted", 2), ("restored", 3)]
    assert events[2].state == restored


async def test_who_may_not_delete_it_may_not_bring_it_back(service: Kit, tenant: SeededTenant) -> None:
    published = PublishedContacts(tenant.id, tenant.other_rep.id)
    contact_id = published.create()
    await keep_replicas(published.events, service.database)
    admin, rep = service.client(tenant.admin), service.client(tenant.rep)
    activity = await log(admin, user_id=str(tenant.rep.id), contact_id=str(contact_id))
    path = await delete(rep, activity)
    stranger = await service.seed_tenant()
    require_problem(await service.client(stranger.admin).post(path), 404, "not-found")
    require_problem(await service.client(tenant.other_rep).post(path), 403, "forbidden")  # its contact is theirs
    require_problem(await rep.post(path, headers={"If-Match": '"1"'}), 412, "stale-version")
    require_ok(await service.client(tenant.manager).post(path, headers={"If-Match": '"2"'}))
    require_problem(await admin.post(f"{PATH}/{uuid4()}/restore"), 404, "not-found")
    unseen = await log(admin, user_id=str(tenant.rep.id))
    path = await delete(admin, unseen)
    require_problem(await service.client(tenant.other_rep).post(path), 404, "not-found")


async def test_after_its_time_an_activity_is_gone_for_good(service: Kit, rep: httpx.AsyncClient) -> None:
    activity = await log(rep)
    path = await delete(rep, activity)
    late = RESTORABLE_FOR + timedelta(seconds=1)
    async with service.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE activities SET deleted_at = deleted_at - $1::interval WHERE id = $2", late, UUID(activity["id"])
        )
    require_problem(await rep.post(path), 404, "not-found")


async def test_an_external_id_is_one_living_activitys(service: Kit, tenant: SeededTenant) -> None:
    rep, other_rep = service.client(tenant.rep), service.client(tenant.other_rep)
    first, other = await log(rep, external_id="call-7"), await log(rep)
    body = {"type": "NOTE", "external_id": "call-7"}
    problem = require_problem(await rep.post(PATH, json=body), 409, "duplicate-external-id")
    assert problem["existing_id"] == first["id"]
    edit = {"external_id": "call-7", "body": "x"}
    require_problem(await rep.patch(f"{PATH}/{other['id']}", json=edit), 409, "duplicate-external-id")
    unseen = require_problem(await other_rep.post(PATH, json=body), 409, "duplicate-external-id")
    assert "existing_id" not in unseen
    neighbour = await service.seed_tenant()
    await log(service.client(neighbour.rep), external_id="call-7")

    path = await delete(rep, first)  # frees it
    second = await log(other_rep, external_id="call-7")
    require_problem(await rep.post(path), 409, "duplicate-external-id")
    await delete(other_rep, second)
    assert require_ok(await rep.post(path))["external_id"] == "call-7"


async def test_of_many_at_once_one_gets_the_external_id(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    activity = await log(rep, external_id="once")
    path = await delete(rep, activity)
    calls = [rep.post(path), *(rep.post(PATH, json={"type": "NOTE", "external_id": "once"}) for _ in range(6))]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.status_code for answer in answers)[1:] == [409] * 6
    assert len(await walk_pages(rep, PATH)) == 1
    published = await service.take_events(tenant.id)
    assert len(published) == 3


async def test_it_comes_back_to_where_its_contact_lives_by_then(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published = PublishedContacts(tenant.id, tenant.rep.id)
    first, second = published.create(), published.create()
    await keep_replicas(published.events, service.database)
    activity = await log(rep, contact_id=str(second))
    path = await delete(rep, activity)
    await keep_replicas(published.merge(second, into=first), service.database)
    moved = require_ok(await rep.post(path))
    assert (moved["contact_id"], moved["original_contact_id"]) == (str(first), str(second))
    timeline = await walk_pages(rep, f"/v1/timelines/contacts/{first}")
    assert [item["id"] for item in timeline] == [activity["id"]]

    await delete(rep, activity)
    await keep_replicas(published.part(second), service.database)
    home = require_ok(await rep.post(path))
    assert (home["contact_id"], home["original_contact_id"]) == (str(second), None)
    assert (home["contact_ids"], home["original_contact_ids"]) == ([str(second)], [])
