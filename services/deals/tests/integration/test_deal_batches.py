"""Batches of deals: each item stands for itself, and an import brings its dates and its history along."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest
from services.deals.tests.integration.batch_kit import read, write
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def test_created_in_a_batch_is_created_alike(sales: Sales) -> None:
    company_id = str(uuid4())
    contact_id = str(sales.contacts.add_contact(sales.tenant.rep, company_id=company_id))
    fields: dict[str, Any] = {
        "name": "Acme",
        "amount": "12.50",
        "contact_id": contact_id,
        "stage_id": sales.stages["Closed Won"],
    }
    single = await sales.create(**fields)
    alone = await sales.take_events()
    [item] = await write(sales.rep, "create", fields)
    assert item["status"] == 201
    many = await sales.take_events()
    assert [event.verb for event in many] == [event.verb for event in alone] == ["created", "won"]
    found = await read(sales, item)
    differing = {name for name in found if found[name] != single[name]}
    assert differing <= {"id", "created_at", "updated_at", "stage_changed_at", "closed_at"}
    assert found["company_id"] == company_id
    history = await walk_pages(sales.rep, f"/v1/deals/{item['id']}/history")
    assert [entry["to_stage"]["name"] for entry in history] == ["Closed Won"]
    changes = await walk_pages(sales.rep, f"/v1/deals/{item['id']}/changes")
    assert [change["version"] for change in changes] == [2, 1]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
async def test_text_that_can_not_be_stored_fails_its_own_item(sales: Sales, text: str) -> None:
    async def send(path: str, body: dict[str, Any]) -> httpx.Response:
        content = json.dumps(body)  # httpx itself writes no half surrogates
        return await sales.rep.post(path, content=content, headers={"content-type": "application/json"})

    items = [{"name": "sound"}, {"name": text}]
    answer = require_ok(await send("/v1/deals/batch", {"mode": "create", "items": items}), 207)
    made, refused = answer["items"]
    assert (made["status"], refused["status"]) == (201, 422)
    assert [error["pointer"] for error in refused["problem"]["errors"]] == ["/name"]

    moves = [
        {"deal_id": made["id"], "stage_id": sales.stages["Discovery"]},
        {"deal_id": made["id"], "stage_id": sales.stages["Closed Lost"], "lost_reason": text},
    ]
    answer = require_ok(await send("/v1/deals/move", {"items": moves}), 207)
    assert [item["status"] for item in answer["items"]] == [200, 422]
    require_problem(await send("/v1/deals/batch", {"mode": text, "items": items}), 422, "invalid-field", "/mode")


async def test_one_bad_item_never_sinks_the_others(sales: Sales, elsewhere: Sales) -> None:
    await sales.create(external_id="taken")
    hidden = str(sales.contacts.add_contact(sales.tenant.admin, owner_id=str(sales.tenant.admin.id)))
    sales.contacts.records.pop(f"/v1/contacts/{hidden}")
    items = await write(
        sales.rep,
        "create",
        {"name": "Good"},
        {"name": ""},
        {"name": "X", "contact_id": hidden},
        {"name": "X", "owner_id": str(uuid4())},
        {"name": "X", "stage_id": elsewhere.stages["Proposal"]},
        {"name": "X", "pipeline_id": elsewhere.pipeline_id},
        {"name": "X", "external_id": "taken"},
        {"name": "X", "external_id": "new"},
        {"name": "X", "external_id": "new"},
        {"name": "X", "amount": "1.234", "currency": "EUR"},
        {"name": "X", "created_at": "2026-01-01T00:00:00Z"},
        {"name": "X", "custom_data": {"nothing": 1}},
        {"name": "X", "lost_reason": "price"},
        5,
        {"name": "Good too"},
    )
    expected = [201, 422, 422, 422, 422, 422, 409, 201, 409, 422, 403, 422, 422, 422, 201]
    assert [item["status"] for item in items] == expected
    pointers = [[error["pointer"] for error in item.get("problem", {}).get("errors", [])] for item in items]
    assert pointers[1:6] == [["/name"], ["/contact_id"], ["/owner_id"], ["/stage_id"], ["/pipeline_id"]]
    assert items[8]["problem"]["existing_id"] == items[7]["id"]
    assert len(await walk_pages(sales.rep, "/v1/deals")) == 4


async def test_a_lost_deal_takes_another_reason_beside_its_stage(sales: Sales) -> None:
    deal = await sales.create(stage_id=sales.stages["Closed Lost"], lost_reason="price")
    [item] = await write(sales.rep, "update", {"id": deal["id"], "stage_id": deal["stage_id"], "lost_reason": "time"})
    assert item["status"] == 200
    changed = await read(sales, deal)
    assert (changed["lost_reason"], changed["version"]) == ("time", deal["version"] + 1)


async def test_an_import_brings_dates_and_history(sales: Sales) -> None:
    [item] = await write(
        sales.admin,
        "create",
        {"name": "Old deal", "external_id": "legacy-7", "amount": "99.00", "created_at": "2024-03-01T10:00:00Z"},
    )
    steps = (("Proposal", "2024-03-11T10:00:00Z"), ("Closed Won", "2024-04-01T10:00:00Z"))
    moves = [
        {"external_id": "legacy-7", "stage_id": sales.stages[name], "changed_at": changed_at}
        for name, changed_at in steps
    ]
    assert {each["status"] for each in await write(sales.admin, "update", *moves, id_property="external_id")} == {200}
    found = await read(sales, item)
    assert (found["created_at"], found["closed_at"]) == ("2024-03-01T10:00:00Z", "2024-04-01T10:00:00Z")
    assert (found["status"], found["version"]) == ("WON", 4)
    history = await walk_pages(sales.admin, f"/v1/deals/{item['id']}/history")
    assert [(entry["to_stage"]["name"], entry["changed_at"]) for entry in history] == [
        ("Qualification", "2024-03-01T10:00:00Z"),
        *steps,
    ]
    assert [entry["seconds_in_stage"] for entry in history[:2]] == [10 * 86_400, 21 * 86_400]
    published = [(event.verb, event.occurred_at.date().isoformat()) for event in await sales.take_events()]
    assert published == [
        ("created", "2024-03-01"),
        ("stage_changed", "2024-03-11"),
        ("stage_changed", "2024-04-01"),
        ("won", "2024-04-01"),
    ]


async def test_an_upsert_brought_twice_changes_nothing_the_second_time(sales: Sales) -> None:
    items = [
        {"name": f"Deal {number}", "external_id": f"x-{number}", "created_at": "2025-01-01T00:00:00Z"}
        for number in range(5)
    ]
    first = await write(sales.admin, "upsert", *items, id_property="external_id")
    assert {item["status"] for item in first} == {201}
    await sales.take_events()
    again = await write(sales.admin, "upsert", *items)
    assert [(item["status"], item["id"]) for item in again] == [(200, item["id"]) for item in first]
    assert await sales.take_events() == []
    items[0] |= {"name": "Renamed", "stage_id": sales.stages["Closed Lost"], "lost_reason": "price"}
    await write(sales.admin, "upsert", items[0])
    found = await read(sales, first[0])
    assert (found["name"], found["status"], found["lost_reason"]) == ("Renamed", "LOST", "price")
    assert [event.verb for event in await sales.take_events()] == ["updated", "stage_changed", "lost"]


async def test_updates_hold_to_the_rules_of_single_ones(sales: Sales, elsewhere: Sales) -> None:
    deal = await sales.create()
    hidden = await sales.create(sales.admin)
    await sales.take_events()
    items = await write(
        sales.rep,
        "update",
        {"id": deal["id"], "stage_id": elsewhere.stages["Proposal"]},
        {"id": hidden["id"], "name": "X"},
        {"id": str(uuid4()), "name": "X"},
        {"id": deal["id"], "changed_at": "2026-01-01T00:00:00Z"},
        {"id": deal["id"], "stage_id": sales.stages["Proposal"], "changed_at": "2026-01-01T00:00:00Z"},
        {"id": deal["id"], "created_at": "2026-01-01T00:00:00Z"},
        {"id": deal["id"], "status": "WON"},
        {"name": "X"},
        {"id": deal["id"], "name": "Renamed"},
    )
    assert [item["status"] for item in items] == [422, 404, 404, 422, 403, 422, 422, 422, 200]
    assert (await read(sales, deal))["name"] == "Renamed"
    assert [event.verb for event in await sales.take_events()] == ["updated"]


async def test_times_that_can_not_be_are_refused(sales: Sales) -> None:
    deal = await sales.create()
    impossible = ("2199-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1899-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z")
    items = await write(sales.admin, "create", *({"name": "X", "created_at": instant} for instant in impossible))
    assert [item["problem"]["errors"][0]["pointer"] for item in items] == ["/created_at"] * len(impossible)
    [item] = await write(sales.admin, "create", {"name": "X", "close_date": "9999-12-31"})
    assert item["problem"]["errors"][0]["pointer"] == "/close_date"
    early = {"id": deal["id"], "stage_id": sales.stages["Proposal"], "changed_at": "2020-01-01T00:00:00Z"}
    [item] = await write(sales.admin, "update", early)
    assert item["problem"]["errors"][0]["pointer"] == "/changed_at"
