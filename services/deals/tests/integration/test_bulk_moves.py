"""Many moves in one request: each stands for itself, and each is told as a single one would be."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def _move_all(client: httpx.AsyncClient, *items: Any) -> list[dict[str, Any]]:
    answer = require_ok(await client.post("/v1/deals/move", json={"items": items}), 207)
    assert [item["index"] for item in answer["items"]] == list(range(len(items)))
    return list(answer["items"])


async def test_each_item_stands_for_itself(sales: Sales, elsewhere: Sales) -> None:
    deals = [await sales.create() for _ in range(3)]
    hidden = await sales.create(sales.admin)
    await sales.take_events()
    won, lost = sales.stages["Closed Won"], sales.stages["Closed Lost"]
    items = await _move_all(
        sales.rep,
        {"deal_id": deals[0]["id"], "stage_id": won},
        {"deal_id": deals[1]["id"], "stage_id": elsewhere.stages["Proposal"]},
        {"deal_id": hidden["id"], "stage_id": won},
        {"deal_id": deals[1]["id"], "stage_id": lost, "lost_reason": "price"},
        {"deal_id": deals[2]["id"], "stage_id": deals[2]["stage_id"]},
        {"deal_id": str(uuid4()), "stage_id": won},
        {"deal_id": deals[2]["id"], "stage_id": won, "changed_at": "2026-11-01T00:00:00Z"},
        {"deal_id": deals[2]["id"]},
        "nonsense",
        {"deal_id": deals[2]["id"], "stage_id": won, "lost_reason": "price"},
        {"deal_id": deals[1]["id"], "stage_id": sales.stages["Proposal"]},
    )
    assert [item["status"] for item in items] == [200, 422, 404, 200, 200, 404, 403, 422, 422, 422, 200]
    assert items[1]["problem"]["type"] == "/problems/invalid-stage"
    assert items[7]["problem"]["errors"][0]["pointer"] == "/stage_id"
    published = [(event.aggregate_id.hex, event.verb, event.version) for event in await sales.take_events()]
    first, second = (deal["id"].replace("-", "") for deal in deals[:2])
    assert published == [
        (first, "stage_changed", 2),
        (first, "won", 3),
        (second, "stage_changed", 2),
        (second, "lost", 3),
        (second, "stage_changed", 4),
        (second, "reopened", 5),
    ]
    history = await walk_pages(sales.rep, f"/v1/deals/{deals[1]['id']}/history")
    assert [entry["to_stage"]["name"] for entry in history] == ["Qualification", "Closed Lost", "Proposal"]
    found = require_ok(await sales.rep.get(f"/v1/deals/{deals[1]['id']}"))
    assert (found["status"], found["lost_reason"], found["version"]) == ("OPEN", None, 5)


async def test_a_request_that_is_no_list_of_moves_is_refused_whole(steady: Sales) -> None:
    for body, pointer in (({}, "/items"), ({"items": []}, "/items"), ({"items": [{}] * 1001}, "/items")):
        require_problem(await steady.rep.post("/v1/deals/move", json=body), 422, "invalid-field", pointer)


async def test_a_repeated_request_moves_nothing_twice(sales: Sales) -> None:
    deal = await sales.create()
    body = {"items": [{"deal_id": deal["id"], "stage_id": sales.stages["Closed Won"]}]}
    key = {"Idempotency-Key": "once"}
    first = await sales.rep.post("/v1/deals/move", json=body, headers=key)
    await sales.move(deal, "Proposal")
    again = await sales.rep.post("/v1/deals/move", json=body, headers=key)
    assert (first.json(), again.headers["idempotency-replayed"]) == (again.json(), "true")
    assert require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))["stage_id"] == sales.stages["Proposal"]


async def test_crossing_requests_and_single_moves_end_in_order(sales: Sales) -> None:
    deals = [await sales.create() for _ in range(20)]
    names = ["Discovery", "Proposal", "Closed Won", "Closed Lost"]

    async def many(name: str, *, turned: bool) -> None:
        items = [{"deal_id": deal["id"], "stage_id": sales.stages[name]} for deal in deals]
        answers = await _move_all(sales.rep, *(reversed(items) if turned else items))
        assert {item["status"] for item in answers} == {200}

    await asyncio.gather(
        *(many(name, turned=number % 2 == 0) for number, name in enumerate(names)),
        *(sales.move(deal, "Negotiation") for deal in deals[:6]),
    )
    for deal in deals:
        found = require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))
        history = await walk_pages(sales.rep, f"/v1/deals/{deal['id']}/history")
        assert history[-1]["to_stage"]["id"] == found["stage_id"]
        for before, after in pairwise(history):
            assert before["to_stage"] == after["from_stage"]
