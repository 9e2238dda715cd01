"""An activity with several contacts: one row, one event, an entry in each timeline; sight by any of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
import pytest

from crm_activities.consumers import forget_contacts, keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock, new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_merges import PublishedContacts
from crm_testing.published_records import PublishedRecord, make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
TEXTS = {"subject": "Call Berta", "body": "She is ill.", "location": "At hers"}
LINKS_OF = "SELECT * FROM activity_contacts WHERE tenant_id = $1 AND activity_id = $2"


async def open_contacts(kit: Kit, owner: Person, count: int) -> tuple[PublishedContacts, list[UUID]]:
    published = PublishedContacts(owner.tenant_id, owner.id)
    ids = [published.create() for _ in range(count)]
    await keep_replicas(published.events, kit.database)
    return published, ids


async def log(client: httpx.AsyncClient, contact_ids: Sequence[UUID], **fields: Any) -> dict[str, Any]:
    body = {"type": "NOTE", "contact_ids": [str(one) for one in contact_ids], **fields}
    return require_ok(await client.post(PATH, json=body), 201)


async def contacts_of(client: httpx.AsyncClient, activity: dict[str, Any]) -> list[UUID]:
    found = require_ok(await client.get(f"{PATH}/{activity['id']}"))
    assert found["contact_id"] == (found["contact_ids"][0] if found["contact_ids"] else None)
    return [UUID(one) for one in found["contact_ids"]]


async def timeline_of(client: httpx.AsyncClient, contact_id: UUID) -> list[str]:
    return [item["id"] for item in await walk_pages(client, f"/v1/timelines/contacts/{contact_id}")]


async def test_one_activity_stands_once_in_the_timeline_of_each(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    _, (a, b, c) = await open_contacts(service, tenant.rep, 3)
    activity = await log(rep, [b, a, b], contact_id=str(c))
    assert activity["contact_ids"] == [str(c), str(b), str(a)]
    assert activity["contact_id"] == str(c)
    for contact_id in (a, b, c):
        assert await timeline_of(rep, contact_id) == [activity["id"]]
        listed = await walk_pages(rep, PATH, contact_id=str(contact_id))
        assert [item["id"] for item in listed] == [activity["id"]]
    (published,) = await service.take_events(tenant.id)
    assert (published.type, published.version) == ("crm.activity.logged", 1)

    require_ok(await rep.patch(f"{PATH}/{activity['id']}", json={"contact_ids": [str(a)]}))
    assert [await timeline_of(rep, one) for one in (a, b, c)] == [[activity["id"]], [], []]
    assert (await rep.delete(f"{PATH}/{activity['id']}")).status_code == 204
    assert await timeline_of(rep, a) == []


@pytest.mark.parametrize("name", ["rep", "manager", "other_rep", "admin"])
async def test_sight_by_any_of_them(service: Kit, tenant: SeededTenant, name: str) -> None:
    _, (theirs,) = await open_contacts(service, tenant.other_rep, 1)
    _, (last,) = await open_contacts(service, tenant.rep, 1)
    _, (first,) = await open_contacts(service, tenant.admin, 1)
    admin = service.client(tenant.admin)
    seen = await log(admin, [first, last], user_id=str(tenant.admin.id))
    strange = await log(admin, [first, theirs], user_id=str(tenant.admin.id))
    expected = {"rep": {seen["id"]}, "manager": {seen["id"]}, "other_rep": {strange["id"]}}
    client = service.client(getattr(tenant, name))
    ids = expected.get(name, {seen["id"], strange["id"]})
    assert {item["id"] for item in await walk_pages(client, PATH)} == ids
    for activity in (seen, strange):
        answer = await client.get(f"{PATH}/{activity['id']}")
        assert answer.status_code == (200 if activity["id"] in ids else 404)


async def test_a_share_of_the_second_contact_lets_one_see_and_no_more(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    _, (first,) = await open_contacts(service, tenant.other_rep, 1)
    shared = make_contact_event(
        tenant.id, tenant.other_rep.id, shares=[{"user_id": str(tenant.rep.id), "permission": "READ"}]
    )
    await keep_replicas([shared], service.database)
    activity = await log(service.client(tenant.other_rep), [first, shared.aggregate_id])
    path = f"{PATH}/{activity['id']}"
    require_ok(await rep.get(path))
    assert [item["id"] for item in await walk_pages(rep, PATH)] == [activity["id"]]
    require_problem(await rep.patch(path, json={"body": "mine"}), 403, "forbidden")
    _, (own,) = await open_contacts(service, tenant.rep, 1)
    body = {"type": "NOTE", "contact_ids": [str(own), str(shared.aggregate_id)]}
    require_problem(await rep.post(PATH, json=body), 403, "forbidden", "/contact_ids/1")


async def test_each_reference_follows_a_merge_and_returns_in_its_order(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (a, b, c) = await open_contacts(service, tenant.rep, 3)
    both, other = await log(rep, [a, b, c]), await log(rep, [b])
    await service.take_events(tenant.id)

    await keep_replicas(published.merge(b, into=c), service.database)
    assert await contacts_of(rep, both) == [a, c]
    assert await contacts_of(rep, other) == [c]
    assert set(await timeline_of(rep, c)) == {both["id"], other["id"]}
    await keep_replicas(published.merge(a, into=c), service.database)
    assert await contacts_of(rep, both) == [c]
    assert len(await timeline_of(rep, c)) == 2

    await keep_replicas(published.part(a), service.database)
    assert await contacts_of(rep, both) == [a, c]
    await keep_replicas(published.part(b), service.database)
    assert await contacts_of(rep, both) == [a, b, c]
    assert await timeline_of(rep, b) == [other["id"], both["id"]]
    versions = sorted(event.version for event in await service.take_events(tenant.id))
    assert versions == [2, 2, 3, 3, 4, 5]

    before = await service.list_rows("activities", "activity_contacts", "outbox")
    await keep_replicas(published.events, service.database)
    assert await service.list_rows("activities", "activity_contacts", "outbox") == before


async def test_a_deleted_one_follows_too_and_nobody_is_lost(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published, (a, b) = await open_contacts(service, tenant.rep, 2)
    activity = await log(rep, [a, b])
    assert (await rep.delete(f"{PATH}/{activity['id']}")).status_code == 204
    await keep_replicas(published.merge(a, into=b), service.database)
    await keep_replicas(published.events, service.database)
    async with service.database.read_as_worker() as connection:
        rows = await connection.fetch(LINKS_OF, tenant.id, UUID(activity["id"]))
    links = {(row["contact_id"], row["is_current"], row["is_deleted"]) for row in rows}
    assert links == {(a, False, True), (b, True, True)}


async def test_the_erasure_of_any_of_them_takes_the_texts(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    a, b = (PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id) for _ in range(2))
    await keep_replicas([a.publish(), b.publish()], service.database)
    activity = await log(
        rep, [a.id, b.id], subject="Call Berta", body="She is ill.", type="MEETING", location="At hers"
    )
    erased = b.erase()
    await keep_replicas([erased], service.database)
    await forget_contacts([erased], service.database, SystemClock())
    found = require_ok(await rep.get(f"{PATH}/{activity['id']}"))
    assert {name: found[name] for name in TEXTS} == dict.fromkeys(TEXTS)
    assert found["erased_at"] is not None


async def test_bad_contacts_are_named(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    published, (a, b, c) = await open_contacts(service, tenant.rep, 3)
    stranger = (await service.seed_tenant()).rep
    _, (foreign,) = await open_contacts(service, stranger, 1)
    await keep_replicas(published.merge(b, into=c), service.database)
    for bad in (foreign, b, new_id()):
        body = {"type": "NOTE", "contact_ids": [str(a), str(bad)]}
        require_problem(await rep.post(PATH, json=body), 422, "unknown-reference", "/contact_ids/1")
    many = [str(new_id()) for _ in range(51)]
    require_problem(
        await rep.post(PATH, json={"type": "NOTE", "contact_ids": many}), 422, "invalid-field", "/contact_ids"
    )
    wrong = await rep.post(PATH, json={"type": "NOTE", "contact_ids": [str(a), "x"]})
    require_problem(wrong, 422, "invalid-field", "/contact_ids/1")
    activity = await log(rep, [a])
    edited = await rep.patch(f"{PATH}/{activity['id']}", json={"contact_ids": [str(a), str(foreign)]})
    require_problem(edited, 422, "unknown-reference", "/contact_ids/1")
    assert await contacts_of(rep, activity) == [a]


async def test_contact_id_is_one_of_the_fifty(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    _, ids = await open_contacts(service, tenant.rep, 51)
    first, *others = (str(one) for one in ids)
    body = {"type": "NOTE", "contact_id": first, "contact_ids": others}
    require_problem(await rep.post(PATH, json=body), 422, "invalid-field", "/contact_ids")
    activity = require_ok(await rep.post(PATH, json={**body, "contact_id": others[1]}), 201)
    assert activity["contact_ids"] == [others[1], others[0], *others[2:]]
    path = f"{PATH}/{activity['id']}"
    edited = await rep.patch(path, json={"contact_id": first, "contact_ids": others})
    require_problem(edited, 422, "invalid-field", "/contact_ids")
    batch = {"mode": "upsert", "items": [{**body, "external_id": "new"}, {"external_id": "new", "type": "NOTE"}]}
    items = require_ok(await rep.post(f"{PATH}/batch", json=batch), 207)["items"]
    assert [item["status"] for item in items] == [422, 201]
    assert [error["pointer"] for error in items[0]["problem"]["errors"]] == ["/contact_ids"]


@pytest.mark.parametrize("by_batch", [False, True], ids=["alone", "in a batch"])
async def test_a_deal_named_alone_leaves_out_nobody(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, *, by_batch: bool
) -> None:
    _, (a, b, c) = await open_contacts(service, tenant.rep, 3)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=b)
    await keep_replicas([*deal.create()], service.database)
    for before, after in (([a, b, c], [b, a, c]), ([a, c], [b, a, c]), ([a], [b])):
        activity = await log(rep, before)
        if by_batch:
            items = [{"id": activity["id"], "deal_id": str(deal.id)}]
            require_ok(await rep.post(f"{PATH}/batch", json={"mode": "update", "items": items}), 207)
        else:
            require_ok(await rep.patch(f"{PATH}/{activity['id']}", json={"deal_id": str(deal.id)}))
        assert await contacts_of(rep, activity) == after
