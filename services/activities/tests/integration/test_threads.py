"""Threads over HTTP: who is together with whom, who sees it, and what is refused."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from crm_activities.activities.erasure import erase_activities
from crm_activities.consumers import keep_replicas
from crm_activities.settings import ActivitiesSettings
from crm_shared.clock import SystemClock
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ActivitiesSettings]
Fields = dict[str, Any]


async def log(client: httpx.AsyncClient, message_id: str | None = None, *names: str, **more: Any) -> Fields:
    body = {"type": "EMAIL", "message_id": message_id, "reference_ids": names, **more}
    return require_ok(await client.post("/v1/activities", json=body), 201)


async def edit(client: httpx.AsyncClient, email: Fields, **fields: Any) -> Fields:
    return require_ok(await client.patch(f"/v1/activities/{email['id']}", json=fields))


async def read(client: httpx.AsyncClient, thread_id: str, **params: Any) -> list[str]:
    answer = require_ok(await client.get(f"/v1/threads/{thread_id}", params=params))
    return [item["id"] for item in answer["items"]]


async def thread_of(client: httpx.AsyncClient, email: Fields) -> str:
    return str(require_ok(await client.get(f"/v1/activities/{email['id']}"))["thread_id"])


async def test_replies_are_in_the_thread_of_the_first_oldest_first(rep: httpx.AsyncClient) -> None:
    first = await log(rep, "<1@x.example>", occurred_at="2026-11-02T09:00:00Z")
    third = await log(rep, "<3@x.example>", "1@x.example", "<2@x.example>", occurred_at="2026-11-02T11:00:00Z")
    second = await log(rep, "<2@x.example>", "<1@x.example>", occurred_at="2026-11-02T10:00:00Z")
    alone = await log(rep, subject="Re: the same subject")
    assert {one["thread_id"] for one in (first, second, third)} == {first["id"]}
    assert alone["thread_id"] == alone["id"]
    ids = [first["id"], second["id"], third["id"]]
    for one in ids:
        assert await read(rep, one) == ids
    walked = [item["id"] for item in await walk_pages(rep, f"/v1/threads/{first['id']}", limit=1)]
    assert walked == ids


async def test_a_missing_message_joins_threads_and_the_former_id_answers(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant
) -> None:
    first = await log(rep, "1@x", occurred_at="2026-11-02T09:00:00Z")
    later = [await log(rep, f"{n}@x", "2@x", occurred_at=f"2026-11-02T1{n}:00:00Z") for n in (4, 3)]
    assert await thread_of(rep, later[0]) == later[1]["id"], "siblings under an absent message: the earliest"
    await service.take_events(tenant.id)
    joining = await log(rep, "2@x", "1@x", occurred_at="2026-11-02T10:00:00Z")
    assert joining["thread_id"] == first["id"]
    events = await service.take_events(tenant.id)
    published = {str(event.aggregate_id): event for event in events if event.verb == "updated"}
    assert published.keys() == {one["id"] for one in later}
    for one in later:
        now = require_ok(await rep.get(f"/v1/activities/{one['id']}"))
        event = published[one["id"]]
        assert (now["thread_id"], now["version"]) == (first["id"], event.version)
        assert (event.state["thread_id"], event.actor_id) == (first["id"], None)
        assert event.changed is not None
        assert "thread_id" in event.changed
    ids = [first["id"], joining["id"], later[1]["id"], later[0]["id"]]
    assert await read(rep, later[1]["id"]) == ids, "the former id answers the joined thread"
    listed = require_ok(await rep.get("/v1/activities", params={"thread_id": later[1]["id"], "sort": "occurred_at"}))
    assert [item["id"] for item in listed["items"]] == ids


async def test_an_absent_reference_that_comes_later_parts_what_it_held(rep: httpx.AsyncClient) -> None:
    old = await log(rep, "old@x")
    reply = await log(rep, "reply@x", "old@x", "new@x")
    assert reply["thread_id"] == old["id"]
    new = await log(rep, "new@x")
    assert await thread_of(rep, reply) == new["id"]
    assert await read(rep, old["id"]) == [old["id"]]


async def test_an_answer_takes_up_the_references(rep: httpx.AsyncClient) -> None:
    first = await log(rep, "<1@x>")
    second = await log(rep, "<2@x>", in_reply_to=first["id"])
    third = await log(rep, "<3@x>", in_reply_to=second["id"])
    bare = await log(rep, in_reply_to=third["id"])
    on_bare = await log(rep, in_reply_to=bare["id"])
    assert second["reference_ids"] == ["<1@x>"]
    assert third["reference_ids"] == ["<1@x>", "<2@x>"]
    assert on_bare["reference_ids"] == []
    assert {one["thread_id"] for one in (second, third, bare, on_bare)} == {first["id"]}
    given = await log(rep, None, "<3@x>", in_reply_to=first["id"])
    assert given["reference_ids"] == ["<3@x>"]
    parted = await edit(rep, third, in_reply_to=None)
    assert (parted["reference_ids"], parted["thread_id"]) == ([], third["id"])
    assert await thread_of(rep, on_bare) == third["id"], "and with it all that answers it"
    again = await edit(rep, third, in_reply_to=first["id"])
    assert (again["reference_ids"], again["thread_id"]) == (["<1@x>"], first["id"])


async def test_circles_and_references_to_itself_are_harmless(rep: httpx.AsyncClient) -> None:
    itself = await log(rep, "0@x", "0@x")
    assert itself["thread_id"] == itself["id"]
    one = await log(rep, "1@x", "2@x", occurred_at="2026-11-02T09:00:00Z")
    other = await log(rep, "2@x", "1@x", occurred_at="2026-11-02T08:00:00Z")
    reply = await log(rep, "3@x", "1@x", occurred_at="2026-11-02T07:00:00Z")
    assert {await thread_of(rep, each) for each in (one, other, reply)} == {other["id"]}


async def test_edits_move_a_message_and_who_named_it(rep: httpx.AsyncClient) -> None:
    root, other = await log(rep, "root@x"), await log(rep, "other@x")
    middle = await log(rep, "middle@x", "root@x")
    leaf = await log(rep, "leaf@x", "other@x", "middle@x")
    assert await thread_of(rep, leaf) == root["id"]
    await edit(rep, middle, message_id="renamed@x")
    assert await thread_of(rep, leaf) == other["id"], "falls back on what it names besides"
    await edit(rep, leaf, reference_ids=["renamed@x"])
    assert await thread_of(rep, leaf) == root["id"]
    note = await edit(rep, middle, type="NOTE", message_id=None, reference_ids=[])
    assert note["thread_id"] is None
    assert await thread_of(rep, leaf) == leaf["id"]
    back = await edit(rep, middle, type="EMAIL", message_id="renamed@x")
    assert back["thread_id"] == middle["id"] == await thread_of(rep, leaf)
    empty = require_ok(await rep.get("/v1/activities", params={"thread_id.empty": "true"}))
    assert empty["items"] == []


async def test_the_earliest_of_siblings_is_the_root_after_an_edit_of_its_time(rep: httpx.AsyncClient) -> None:
    one = await log(rep, "1@x", "gone@x", occurred_at="2026-11-02T09:00:00Z")
    other = await log(rep, "2@x", "gone@x", occurred_at="2026-11-02T10:00:00Z")
    assert other["thread_id"] == one["id"]
    await edit(rep, other, occurred_at="2026-11-02T08:00:00Z")
    assert await thread_of(rep, one) == other["id"] == await thread_of(rep, other)


async def test_a_deleted_message_stays_a_link_and_takes_no_place(rep: httpx.AsyncClient) -> None:
    first = await log(rep, "1@x")
    middle = await log(rep, "2@x", "1@x")
    assert (await rep.delete(f"/v1/activities/{middle['id']}")).status_code == 204
    last = await log(rep, "3@x", "2@x")
    assert last["thread_id"] == first["id"]
    assert await read(rep, middle["id"]) == [first["id"], last["id"]]
    again = await log(rep, "2@x", "1@x")
    assert again["thread_id"] == first["id"], "the id of a deleted message is free"
    restored = await rep.post(f"/v1/activities/{middle['id']}/restore")
    assert require_problem(restored, 409, "duplicate-message")["existing_id"] == again["id"]
    assert (await rep.delete(f"/v1/activities/{again['id']}")).status_code == 204
    back = require_ok(await rep.post(f"/v1/activities/{middle['id']}/restore"))
    assert back["thread_id"] == first["id"]


async def test_a_user_logs_a_message_once(rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant) -> None:
    mine = await log(rep, "<1@x>")
    again = await rep.post("/v1/activities", json={"type": "EMAIL", "message_id": "1@x"})
    assert require_problem(again, 409, "duplicate-message")["existing_id"] == mine["id"]
    cased = await log(rep, "<1@X>")
    assert cased["thread_id"] == cased["id"], "case is kept"
    refused = await rep.patch(f"/v1/activities/{cased['id']}", json={"message_id": "1@x"})
    assert require_problem(refused, 409, "duplicate-message")["existing_id"] == mine["id"]
    others = await log(service.client(tenant.other_rep), "1@x")
    assert others["thread_id"] == mine["id"], "one message in two mailboxes"
    passed = await service.client(tenant.admin).patch(
        f"/v1/activities/{others['id']}", json={"user_id": str(tenant.rep.id)}
    )
    assert require_problem(passed, 409, "duplicate-message")["existing_id"] == mine["id"]
    assert (await thread_of(rep, cased), await thread_of(rep, mine)) == (cased["id"], mine["id"])


async def test_one_sees_ones_own_half_and_nothing_of_another_tenant(
    rep: httpx.AsyncClient, service: Kit, tenant: SeededTenant
) -> None:
    stranger = service.client(tenant.other_rep)
    first = await log(stranger, "1@x", occurred_at="2026-11-02T09:00:00Z")
    second = await log(rep, "2@x", "1@x", occurred_at="2026-11-02T10:00:00Z")
    third = await log(stranger, "3@x", "2@x", occurred_at="2026-11-02T11:00:00Z")
    assert second["thread_id"] == third["thread_id"] == first["id"]
    assert await read(rep, first["id"]) == [second["id"]]
    assert await read(rep, third["id"]) == [second["id"]]
    assert await read(service.client(tenant.admin), second["id"]) == [first["id"], second["id"], third["id"]]
    hidden = await log(stranger, "4@x")
    require_problem(await rep.get(f"/v1/threads/{hidden['id']}"), 404, "not-found")
    require_problem(await rep.get(f"/v1/threads/{uuid4()}"), 404, "not-found")
    other = service.client((await service.seed_tenant()).admin)
    require_problem(await other.get(f"/v1/threads/{first['id']}"), 404, "not-found")
    theirs = await log(other, "9@x", "1@x")
    assert theirs["thread_id"] == theirs["id"], "the same ids in two tenants are strangers"
    body = {"type": "EMAIL", "in_reply_to": first["id"]}
    require_problem(await other.post("/v1/activities", json=body), 422, "unknown-reference", "/in_reply_to")


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reference_ids": [f"{n}@x" for n in range(1001)]}, "/reference_ids"),
        ({"reference_ids": ["1@x", ""]}, "/reference_ids/1"),
        ({"reference_ids": ["1@x", None]}, "/reference_ids/1"),
        ({"message_id": ""}, "/message_id"),
        ({"message_id": " < > "}, "/message_id"),
        ({"message_id": "1@x\r\nBcc: y"}, "/message_id"),
        ({"message_id": "1\u0000@x"}, "/message_id"),
        ({"message_id": "x" * 999}, "/message_id"),
        ({"message_id": 7}, "/message_id"),
        ({"thread_id": "00000000-0000-7000-8000-000000000001"}, "/thread_id"),
        ({"type": "NOTE", "message_id": "1@x"}, "/message_id"),
    ],
    ids=["1001", "empty", "null", "no id", "brackets", "line", "NUL", "long", "number", "ours", "note"],
)
async def test_what_does_not_fit_is_refused_by_name(rep: httpx.AsyncClient, fields: Fields, pointer: str) -> None:
    answer = await rep.post("/v1/activities", json={"type": "EMAIL", **fields})
    problem = require_problem(answer, 422)
    assert pointer in [error["pointer"] for error in problem["errors"]]


async def test_a_thousand_references_in_odd_scripts_are_taken(rep: httpx.AsyncClient) -> None:
    names = [f"<{n}-日本語-ß-😀@x>" for n in range(999)]
    last = await log(rep, "日本語-ß-😀@x" + "y" * 900)
    reply = await log(rep, "r@x", *names, last["message_id"])
    assert (reply["thread_id"], len(reply["reference_ids"])) == (last["id"], 1000)
    sibling = await log(rep, "s@x", names[500])
    assert sibling["thread_id"] == last["id"]


async def test_erasure_takes_the_message_ids_and_leaves_the_links(service: Kit, tenant: SeededTenant) -> None:
    contact = PublishedRecord.new("contact", tenant.id, first_name="Ada", owner_id=tenant.rep.id)
    await keep_replicas([contact.publish()], service.database)
    rep = service.client(tenant.rep)
    first = await log(rep, "1@secret.example")
    middle = await log(rep, "2@secret.example", "1@secret.example", contact_id=str(contact.id))
    await erase_activities(service.database, tenant.id, contact.id, SystemClock())
    erased = require_ok(await rep.get(f"/v1/activities/{middle['id']}"))
    assert (erased["message_id"], erased["reference_ids"], erased["thread_id"]) == (None, [], first["id"])
    last = await log(rep, "3@secret.example", "2@secret.example")
    assert last["thread_id"] == first["id"]
    again = await log(rep, "2@secret.example", "1@secret.example")
    assert again["thread_id"] == first["id"], "what was erased may be logged again"
    rows = await service.list_rows("thread_links")
    assert rows["thread_links"]
    assert not [row for row in rows["thread_links"] if "secret" in row]
