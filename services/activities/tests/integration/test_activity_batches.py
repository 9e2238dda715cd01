"""Batches of activities: each item stands for itself, and what came in singly would be alike."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.owners import OwnerStandIn
from crm_testing.people import SeededTenant
from crm_testing.published_merges import PublishedContacts
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
PATH = "/v1/activities"
WAS = "2024-03-01T10:00:00Z"


async def write(client: httpx.AsyncClient, mode: str, *items: Any, **fields: Any) -> list[dict[str, Any]]:
    body = {"mode": mode, "items": items, **fields}
    answer = require_ok(await client.post(f"{PATH}/batch", json=body), 207)
    assert [item["index"] for item in answer["items"]] == list(range(len(items)))
    return list(answer["items"])


async def read(client: httpx.AsyncClient, item: dict[str, Any]) -> dict[str, Any]:
    return require_ok(await client.get(f"{PATH}/{item['id']}"))


def statuses(items: list[dict[str, Any]]) -> list[int]:
    return [item["status"] for item in items]


async def test_logged_in_a_batch_is_logged_alike(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.rep.id)
    deal = DealStory(PublishedPipeline.sales(tenant.id), tenant.rep.id, contact_id=contact.id)
    await keep_replicas([contact.publish(), *deal.create()], service.database)
    file = {"name": "offer.pdf", "url": "https://files.example/offer.pdf"}
    bodies: list[dict[str, Any]] = [
        {"type": "NOTE", "deal_id": str(deal.id), "body": "brings its contact", "attachments": [file]},
        {"type": "CALL", "direction": "INBOUND", "outcome": "VOICEMAIL", "duration_s": 9, "occurred_at": WAS},
        {"type": "TASK", "scheduled_on": "2026-12-01", "priority": "HIGH", "completed_at": WAS, "external_id": "x"},
        {"type": "EMAIL", "contact_id": str(contact.id), "reference_ids": ["<a@x>"], "subject": ""},
    ]
    items = await write(rep, "create", *bodies)
    assert statuses(items) == [201] * 4
    many = await service.take_events(tenant.id)
    for body, item, event in zip(bodies, items, many, strict=True):
        found = await read(rep, item)
        assert event.state == found
        single = require_ok(await rep.post(PATH, json={**body, "external_id": None, "reference_ids": []}), 201)
        differing = {name for name in found if found[name] != single[name]}
        assert differing <= {
            "id",
            "created_at",
            "updated_at",
            "occurred_at",
            "external_id",
            "reference_ids",
            "thread_id",
        }
        (logged,) = require_ok(await rep.get(f"{PATH}/{item['id']}/changes"))["items"]
        assert logged["event_type"] == "crm.activity.logged"
    assert (await read(rep, items[0]))["contact_id"] == str(contact.id)


async def test_one_bad_item_never_sinks_the_others(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    published = PublishedContacts(tenant.id, tenant.rep.id)
    survivor, merged = published.create(), published.create()
    hidden = PublishedRecord.new("contact", tenant.id, owner_id=tenant.other_rep.id)
    await keep_replicas(
        [*published.events, *published.merge(merged, into=survivor), hidden.publish()], service.database
    )
    unseen = require_ok(await service.client(tenant.other_rep).post(PATH, json={"type": "NOTE"}), 201)
    require_ok(await rep.post(PATH, json={"type": "NOTE", "external_id": "taken"}), 201)
    note = {"type": "NOTE"}
    items = await write(
        rep, "create",
        {**note, "body": "good"},
        {},
        {**note, "contact_id": str(hidden.id)},
        {**note, "contact_id": str(merged)},
        {**note, "deal_id": str(uuid4()), "user_id": str(uuid4())},
        {**note, "user_id": str(tenant.other_rep.id)},
        {**note, "in_reply_to": unseen["id"]},
        {**note, "direction": "INBOUND", "priority": "LOW"},
        {**note, "external_id": "taken"},
        {**note, "external_id": "new"},
        {**note, "external_id": "new"},
        {**note, "created_at": WAS},
        {**note, "attachments": [{"name": "x", "url": "javascript:1"}]},
        {**note, "version": 2},
        {**note, "occurred_at": "1066-10-14T09:00:00Z"},
        {"type": "TASK", "scheduled_on": "2026-12-01", "recurrence": {"rrule": "FREQ=DAILY", "time_zone": "UTC"}},
        5,
        {**note, "body": "good too"},
    )  # fmt: skip
    expected = [201, 422, 422, 422, 422, 422, 422, 422, 409, 201, 409, 403, 422, 422, 422, 422, 422, 201]
    assert statuses(items) == expected
    pointers = [[error["pointer"] for error in item.get("problem", {}).get("errors", [])] for item in items]
    assert pointers[1:8] == [
        ["/type"], ["/contact_id"], ["/contact_id"], ["/deal_id", "/user_id"], ["/user_id"], ["/in_reply_to"],
        ["/direction", "/priority"],
    ]  # fmt: skip
    assert pointers[12:16] == [["/attachments/0/url"], ["/version"], ["/occurred_at"], ["/recurrence"]]
    assert items[10]["problem"]["existing_id"] == items[9]["id"]
    assert len(await walk_pages(rep, PATH, limit=50)) == 4


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"mode": "delete", "items": [{}]}, "/mode"),
        ({"mode": "create", "items": []}, "/items"),
        ({"mode": "create", "items": [{}] * 1001}, "/items"),
        ({"mode": "create", "id_property": "external_id", "items": [{}]}, "/id_property"),
        ({"mode": "upsert", "id_property": "subject", "items": [{}]}, "/id_property"),
        ({"mode": "upsert", "id_property": "id", "items": [{}]}, "/id_property"),
    ],
    ids=["mode", "none", "too-many", "create-by", "no-key", "upsert-by-id"],
)
async def test_a_wrong_batch_is_refused(rep: httpx.AsyncClient, body: dict[str, Any], pointer: str) -> None:
    require_problem(await rep.post(f"{PATH}/batch", json=body), 422, "invalid-field", pointer)


async def test_history_comes_with_its_dates(service: Kit, tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    late = {"type": "NOTE", "created_at": "2190-01-01T00:00:00Z"}
    item, refused = await write(admin, "create", {"type": "CALL", "created_at": WAS, "external_id": "old"}, late)
    found = await read(admin, item)
    assert (found["created_at"], found["occurred_at"], found["version"]) == (WAS, WAS, 1)
    assert found["updated_at"] > "2026"
    assert (refused["status"], refused["problem"]["errors"][0]["pointer"]) == (422, "/created_at")
    (again,) = await write(
        admin, "upsert", {"type": "CALL", "created_at": "2020-01-01T00:00:00Z", "external_id": "old"}
    )
    assert (again["status"], await read(admin, again)) == (200, found)


async def test_an_upsert_brought_twice_changes_nothing_the_second_time(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    items: list[dict[str, Any]] = [
        {"type": "TASK", "external_id": f"x-{number}", "subject": f"Task {number}"} for number in range(4)
    ]
    first = await write(rep, "upsert", *items)
    await service.take_events(tenant.id)
    again = await write(rep, "upsert", *items, id_property="external_id")
    assert [(item["status"], item["id"]) for item in again] == [(200, item["id"]) for item in first]
    assert await service.take_events(tenant.id) == []
    items[0] |= {"subject": "Renamed", "completed_at": WAS}
    items[1] |= {"type": "NOTE", "completed_at": WAS}
    changed = await write(rep, "upsert", *items)
    assert statuses(changed) == [200, 422, 200, 200]
    (event,) = await service.take_events(tenant.id)
    assert (event.verb, event.version, event.state) == ("completed", 2, await read(rep, first[0]))


async def test_an_update_names_records_by_id_or_key(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    one, two = await write(rep, "create", {"type": "NOTE", "external_id": "a"}, {"type": "NOTE", "external_id": "b"})
    (foreign,) = await write(service.client(tenant.other_rep), "create", {"type": "NOTE"})
    by_id = await write(
        rep, "update",
        {"id": one["id"], "external_id": "b"},
        {"id": two["id"], "external_id": "c", "body": "moved on"},
        {"id": one["id"], "external_id": "b", "body": "now it is free"},
        {"id": one["id"], "user_id": None},
        {"id": foreign["id"], "body": "x"},
        {"id": str(uuid4()), "body": "x"},
        {"body": "x"},
        {"id": "7"},
    )  # fmt: skip
    assert statuses(by_id) == [409, 200, 200, 422, 404, 404, 422, 422]
    by_key = await write(
        rep, "update", {"external_id": "b", "body": "!"}, {"external_id": "a"}, id_property="external_id"
    )
    assert statuses(by_key) == [200, 404]
    found = await read(rep, one)
    assert (found["external_id"], found["body"], found["version"]) == ("b", "!", 3)


async def test_what_answers_itself_is_refused_within_a_batch_too(rep: httpx.AsyncClient) -> None:
    a, b, c = await write(rep, "create", *[{"type": "NOTE"}] * 3)
    items = await write(
        rep, "update",
        {"id": a["id"], "in_reply_to": b["id"]},
        {"id": b["id"], "in_reply_to": c["id"]},
        {"id": c["id"], "in_reply_to": a["id"]},
        {"id": a["id"], "in_reply_to": None},
        {"id": c["id"], "in_reply_to": a["id"]},
        {"id": b["id"], "in_reply_to": b["id"]},
    )  # fmt: skip
    assert statuses(items) == [200, 200, 422, 200, 200, 422]
    assert items[2]["problem"]["errors"][0]["pointer"] == "/in_reply_to"


async def test_who_only_sees_it_may_not_write_it(service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient) -> None:
    contact = PublishedRecord.new("contact", tenant.id, owner_id=tenant.other_rep.id)
    await keep_replicas([contact.publish()], service.database)
    await keep_replicas([contact.change(shares=[{"user_id": tenant.rep.id, "permission": "READ"}])], service.database)
    other = service.client(tenant.other_rep)
    (theirs,) = await write(other, "create", {"type": "NOTE", "contact_id": str(contact.id), "external_id": "theirs"})
    (created,) = await write(rep, "create", {"type": "NOTE", "contact_id": str(contact.id)})
    assert (created["status"], created["problem"]["errors"][0]["pointer"]) == (403, "/contact_id")
    (edited,) = await write(rep, "update", {"id": theirs["id"], "body": "x"})
    (upserted,) = await write(rep, "upsert", {"type": "NOTE", "external_id": "theirs"})
    assert statuses([edited, upserted]) == [403, 403]
    neighbour = await service.seed_tenant()
    (elsewhere,) = await write(service.client(neighbour.admin), "update", {"id": theirs["id"], "body": "x"})
    (same_key,) = await write(service.client(neighbour.admin), "upsert", {"type": "NOTE", "external_id": "theirs"})
    assert statuses([elsewhere, same_key]) == [404, 201]
    assert (await read(other, theirs))["version"] == 1


async def test_batches_at_once_make_each_record_once(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    items = [
        {"type": "EMAIL", "external_id": f"x-{number}", "message_id": f"<{number}@x>", "reference_ids": ["<root@x>"]}
        for number in range(40)
    ]
    answers = await asyncio.gather(
        write(rep, "upsert", *items),
        write(rep, "upsert", *reversed(items)),
        write(rep, "upsert", *items, id_property="message_id"),
    )
    assert sorted(item["status"] for answer in answers for item in answer) == [200] * 80 + [201] * 40
    found = await walk_pages(rep, PATH, limit=50)
    assert len(found) == len({one["external_id"] for one in found}) == 40
    assert len({one["thread_id"] for one in found}) == 1
    assert len(await service.take_events(tenant.id)) >= 40


async def test_a_thousand_are_one_batch(rep: httpx.AsyncClient) -> None:
    items = [{"type": "CALL", "direction": "OUTBOUND", "external_id": f"x-{number}"} for number in range(1000)]
    assert set(statuses(await write(rep, "create", *items))) == {201}
    assert set(statuses(await write(rep, "upsert", *items))) == {200}


async def test_several_contacts_are_kept_in_order_and_follow_merges(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    published = PublishedContacts(tenant.id, tenant.rep.id)
    one, two, three = (published.create() for _ in range(3))
    await keep_replicas(published.events, service.database)
    made, by_deal = await write(
        rep, "create",
        {"type": "NOTE", "contact_ids": [str(one), str(two)], "contact_id": str(three)},
        {"type": "NOTE", "contact_ids": [str(two)], "external_id": "x"},
    )  # fmt: skip
    found = await read(rep, made)
    assert found["contact_ids"] == [str(three), str(one), str(two)]
    await keep_replicas(published.merge(two, into=one), service.database)
    items = await write(
        rep, "update",
        {"id": made["id"], "contact_ids": [str(three), str(two)]},
        {"id": by_deal["id"], "contact_id": str(three)},
        {"id": by_deal["id"], "contact_ids": [str(two)]},
        {"id": by_deal["id"], "contact_ids": [str(uuid4()), str(three)]},
    )  # fmt: skip
    assert statuses(items) == [200, 200, 422, 422]
    assert (
        items[2]["problem"]["errors"][0]["pointer"] == items[3]["problem"]["errors"][0]["pointer"] == "/contact_ids/0"
    )
    kept = await read(rep, made)
    assert kept["contact_ids"] == [str(three), str(one)]  # as it is already: the merged one lives on in `one`
    assert (await read(rep, by_deal))["contact_ids"] == [str(three)]


async def test_a_batch_asks_owners_about_two_hundred_records_and_no_more(
    owner: OwnerStandIn, rep: httpx.AsyncClient
) -> None:
    unheard = [[str(uuid4()) for _ in range(50)] for _ in range(6)]
    items = await write(rep, "create", *({"type": "NOTE", "contact_ids": ids} for ids in unheard), {"type": "NOTE"})
    assert statuses(items) == [422] * 4 + [503] * 2 + [201]
    assert items[0]["problem"]["type"].endswith("/unknown-reference")
    assert len(owner.asked) == 200


async def test_what_is_left_to_the_service_may_be_null_in_an_upsert(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    item = {"type": "NOTE", "external_id": "x", "user_id": None, "occurred_at": None}
    items = await write(rep, "upsert", item, {**item, "body": "again"})
    assert statuses(items) == [201, 200]
    found = await read(rep, items[0])
    assert (found["user_id"], found["body"]) == (str(tenant.rep.id), "again")
    theirs = await write(service.client(tenant.manager), "upsert", {**item, "body": "by another"})
    assert (await read(rep, theirs[0]))["user_id"] == str(tenant.rep.id)
    assert statuses(await write(rep, "update", {"id": items[0]["id"], "user_id": None})) == [422]
