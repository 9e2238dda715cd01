"""E-mails in batches: found by their message ids, in the threads that single calls would give them."""

import httpx
import pytest
from services.activities.tests.integration.test_activity_batches import PATH, Kit, read, statuses, write

from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines


async def test_a_message_is_found_by_its_id_and_user(service: Kit, tenant: SeededTenant) -> None:
    rep, manager = service.client(tenant.rep), service.client(tenant.manager)
    mail = {"type": "EMAIL", "message_id": "<1@acme>", "subject": "Offer"}
    answer = {"type": "EMAIL", "message_id": "<2@acme>", "reference_ids": ["<1@acme>"]}
    first, second = await write(rep, "upsert", mail, answer, id_property="message_id")
    assert statuses([first, second]) == [201, 201]
    again = await write(
        rep, "upsert", {**mail, "message_id": "1@acme", "subject": "The offer"}, id_property="message_id"
    )
    assert (again[0]["status"], again[0]["id"]) == (200, first["id"])
    mine = await write(manager, "upsert", mail, {**mail, "user_id": str(tenant.rep.id)}, id_property="message_id")
    assert statuses(mine) == [201, 200]
    assert mine[1]["id"] == first["id"] != mine[0]["id"]
    taken = await write(
        rep, "create", mail, {**mail, "message_id": "<3@acme>"}, {**mail, "message_id": "<3@acme>"}, {"type": "EMAIL"}
    )
    assert statuses(taken) == [409, 201, 409, 201]
    assert taken[0]["problem"]["type"].endswith("/duplicate-message")
    assert taken[0]["problem"]["existing_id"] == first["id"]
    edits = await write(
        rep, "update",
        {"id": taken[3]["id"], "message_id": "<1@acme>"},
        {"id": first["id"], "message_id": "<4@acme>"},
        {"id": taken[3]["id"], "message_id": "<1@acme>"},
    )  # fmt: skip
    assert statuses(edits) == [409, 200, 200]


async def test_the_threads_of_a_batch_are_those_of_single_calls(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    mails = [
        {"type": "EMAIL", "message_id": f"<{n}@x>", "reference_ids": [f"<{n - 1}@x>"] if n else []} for n in range(6)
    ]
    middle = await write(rep, "create", *(mails[n] for n in (5, 1, 4)))
    await service.take_events(tenant.id)
    rest = await write(rep, "create", *(mails[n] for n in (3, 0, 2)))
    found = {item["id"]: await read(rep, item) for item in (*middle, *rest)}
    assert {one["thread_id"] for one in found.values()} == {rest[1]["id"]}
    published = {event.state["id"]: event for event in await service.take_events(tenant.id)}
    assert {key: event.state for key, event in published.items()} == found
    assert sorted(event.verb for event in published.values()) == ["logged"] * 3 + ["updated"] * 3


async def test_one_that_is_edited_and_moved_by_another_item_is_written_once(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    answer = {"type": "EMAIL", "message_id": "<a@x>", "reference_ids": ["<root@x>"], "subject": "Hi"}
    first = require_ok(await rep.post(PATH, json=answer), 201)
    alone = require_ok(await rep.post(PATH, json={"type": "EMAIL"}), 201)
    await service.take_events(tenant.id)
    edited, root = await write(
        rep,
        "upsert",
        {**answer, "subject": "Re: Hi"},
        {"type": "EMAIL", "message_id": "<root@x>"},
        id_property="message_id",
    )
    assert statuses([edited, root]) == [200, 201]
    assert (await read(rep, first))["thread_id"] == root["id"]
    again = await write(
        rep, "update",
        {"id": first["id"], "body": "once"},
        {"id": root["id"], "reference_ids": ["<older@x>"]},
        {"id": first["id"], "body": "twice"},
        {"id": alone["id"], "message_id": "<older@x>"},
    )  # fmt: skip
    assert statuses(again) == [200] * 4
    found = await read(rep, first)
    assert (found["thread_id"], found["body"], found["version"]) == (alone["id"], "twice", 4)
    published = [event for event in await service.take_events(tenant.id) if event.state["id"] == first["id"]]
    assert [event.version for event in published] == [2, 3, 4]
    assert [event.state["thread_id"] for event in published] == [root["id"], alone["id"], alone["id"]]
    assert [(event.changed or {}).get("thread_id") for event in published] == [
        {"from": first["id"], "to": root["id"]},
        {"from": root["id"], "to": alone["id"]},
        None,
    ]
    assert published[-1].state == found


@pytest.mark.parametrize("mode", ["upsert", "update"])
async def test_a_message_of_whom_an_item_before_named_is_that_items_conflict(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient, mode: str
) -> None:
    manager = service.client(tenant.manager)
    taken = require_ok(await rep.post(PATH, json={"type": "EMAIL", "message_id": "<m@x>"}), 201)
    other = {"external_id": "b", "type": "NOTE", "user_id": str(tenant.rep.id)}
    if mode == "update":
        await write(manager, "create", {"external_id": "a", "type": "EMAIL"}, {"external_id": "b", "type": "NOTE"})
    items = await write(
        manager,
        mode,
        {"external_id": "a", "type": "EMAIL", "user_id": str(tenant.rep.id)},
        {"external_id": "a", "message_id": "m@x"},
        other,
        id_property="external_id",
    )
    assert statuses(items) == ([201, 409, 201] if mode == "upsert" else [200, 409, 200])
    assert items[1]["problem"]["type"].endswith("/duplicate-message")
    assert items[1]["problem"]["existing_id"] == taken["id"]
    assert (await read(rep, items[0]))["message_id"] is None


async def test_a_refused_item_leaves_nothing_of_what_it_answers(rep: httpx.AsyncClient) -> None:
    first, second, _ = await write(
        rep, "create", {"type": "EMAIL"}, {"type": "EMAIL"}, {"type": "NOTE", "external_id": "taken"}
    )
    items = await write(
        rep, "update",
        {"id": first["id"], "in_reply_to": second["id"], "external_id": "taken"},
        {"id": second["id"], "in_reply_to": first["id"]},
        {"id": first["id"], "in_reply_to": second["id"]},
    )  # fmt: skip
    assert statuses(items) == [409, 200, 422]
    assert (await read(rep, second))["in_reply_to"] == first["id"]


async def test_a_message_that_one_gives_up_a_later_one_takes(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    one, other = await write(
        rep, "create", {"type": "EMAIL", "message_id": "<1@x>"}, {"type": "EMAIL", "message_id": "<2@x>"}
    )
    await service.take_events(tenant.id)
    items = await write(
        rep, "update",
        {"id": one["id"], "message_id": None},
        {"id": other["id"], "message_id": "<1@x>"},
        {"id": one["id"], "message_id": "<2@x>"},
        {"id": other["id"], "message_id": "<2@x>"},
    )  # fmt: skip
    assert statuses(items) == [200, 200, 200, 409]
    found = [await read(rep, item) for item in (one, other)]
    assert [item["message_id"] for item in found] == ["<2@x>", "<1@x>"]
    published = {event.state["id"]: event.state for event in await service.take_events(tenant.id)}
    assert published == {item["id"]: item for item in found}
    gone = await write(rep, "update", {"id": other["id"], "type": "NOTE", "message_id": None})
    assert statuses([*gone, *await write(rep, "create", {"type": "EMAIL", "message_id": "<1@x>"})]) == [200, 201]


async def test_an_upsert_tells_nothing_of_the_messages_of_those_out_of_sight(
    service: Kit, tenant: SeededTenant, rep: httpx.AsyncClient
) -> None:
    mail = {"type": "EMAIL", "message_id": "<theirs@x>"}
    require_ok(await service.client(tenant.other_rep).post(PATH, json=mail), 201)
    for mode in ("upsert", "update"):
        theirs = {**mail, "user_id": str(tenant.other_rep.id)}
        items = await write(rep, mode, theirs, {**theirs, "message_id": "<nobodys@x>"}, id_property="message_id")
        assert statuses(items) == [422, 422]
        assert items[0]["problem"]["errors"] == items[1]["problem"]["errors"]
