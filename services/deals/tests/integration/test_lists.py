"""Lists, the board and pipelines: pages that lose nothing, sums that agree, one first pipeline."""

import asyncio
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from services.deals.tests.integration.sales import ContactsStandIn, Sales, open_sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines

STAGES = [
    {"name": "Open", "win_probability": 10, "kind": "OPEN"},
    {"name": "Won", "win_probability": 100, "kind": "WON"},
    {"name": "Lost", "win_probability": 0, "kind": "LOST"},
]


async def add_deals(sales: Sales, count: int, **fields: Any) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(sales.create(**{"name": f"Deal {n % 3}", **fields}) for n in range(count))))


@pytest.mark.parametrize("sort", [None, "created_at", "-updated_at", "updated_at", "name", "-name"])
async def test_a_walk_gives_each_deal_once_in_order(sales: Sales, sort: str | None) -> None:
    made = await add_deals(sales, 11)
    parameters = {} if sort is None else {"sort": sort}
    for client in (sales.rep, sales.manager, sales.admin):
        walked = await walk_pages(client, "/v1/deals", limit=3, **parameters)
        assert len(walked) == 11
        field = (sort or "-created_at").removeprefix("-")
        keys = [(deal[field], deal["id"]) for deal in made]
        assert [(deal[field], deal["id"]) for deal in walked] == sorted(
            keys, reverse=(sort or "-created_at").startswith("-")
        )


async def test_a_cursor_keeps_microseconds(sales: Sales) -> None:
    """Rows of one millisecond are told apart: a cursor cut to milliseconds would repeat or lose some."""
    made = await add_deals(sales, 9)
    async with sales.kit.database.begin_as_worker() as transaction:
        for n, deal in enumerate(made):
            at = datetime.fromisoformat(f"2026-11-22T09:00:00.12300{n // 2}+00:00")
            await transaction.execute("UPDATE deals SET created_at = $2 WHERE id = $1", deal["id"], at)
    for sort in ("created_at", "-created_at"):
        walked = await walk_pages(sales.rep, "/v1/deals", limit=1, sort=sort)
        assert Counter(deal["id"] for deal in walked) == Counter(deal["id"] for deal in made)


async def test_names_sort_as_people_sort_them(sales: Sales) -> None:
    in_order = ["adler", "Ärger", "Eric", "Éric", "Zorn"]
    for name in ("Zorn", "Éric", "adler", "Eric", "Ärger"):
        await sales.create(name=name)
        require_ok(await sales.admin.post("/v1/pipelines", json={"name": name, "stages": STAGES}), 201)
    for client in (sales.rep, sales.manager, sales.admin):
        walked = await walk_pages(client, "/v1/deals", limit=2, sort="name")
        assert [deal["name"] for deal in walked] == in_order
    pipelines = await walk_pages(sales.rep, "/v1/pipelines", limit=2, sort="-name")
    assert [one["name"] for one in pipelines if one["name"] != "Sales"] == in_order[::-1]


async def test_fields_without_a_value_are_found(sales: Sales) -> None:
    full = await sales.create(name="Full", external_id="1", close_date="2026-11-30")
    bare = await sales.create(name="Bare")
    for name in ("external_id", "close_date"):
        for value, deal in (("true", bare), ("false", full)):
            listed = require_ok(await sales.rep.get("/v1/deals", params={f"{name}.empty": value}))["items"]
            assert [one["id"] for one in listed] == [deal["id"]], name
    for name in ("owner_id", "pipeline_id", "stage_id", "status", "currency"):
        assert require_ok(await sales.rep.get("/v1/deals", params={f"{name}.empty": "true"}))["items"] == [], name
    for name in ("contact_id", "company_id"):
        listed = require_ok(await sales.rep.get("/v1/deals", params={f"{name}.empty": "true"}))["items"]
        assert len(listed) == 2, name
    past = {"as_of": bare["created_at"], "external_id.empty": "true"}
    assert [one["id"] for one in require_ok(await sales.rep.get("/v1/deals", params=past))["items"]] == [bare["id"]]
    require_problem(
        await sales.rep.get("/v1/deals", params={"close_date.empty": "1"}), 422, "invalid-field", "?close_date.empty"
    )


async def test_a_walk_during_writes_loses_and_repeats_nothing(sales: Sales) -> None:
    standing = {deal["id"] for deal in await add_deals(sales, 12)}
    is_walking = True

    async def write() -> None:
        while is_walking:
            deal = await sales.create(name="Deal 1")
            await sales.move(deal, "Proposal")

    writing = asyncio.create_task(write())
    try:
        for sort in ("-created_at", "created_at", "name"):
            walked: list[str] = []
            cursor: str | None = None
            while True:
                parameters = {"limit": 2, "sort": sort, **({"cursor": cursor} if cursor else {})}
                page = require_ok(await sales.admin.get("/v1/deals", params=parameters))
                walked += [deal["id"] for deal in page["items"]]
                cursor = page["next_cursor"]
                # What is new goes on arriving at one end: the walk has done its part once all that stood are seen.
                if cursor is None or standing <= set(walked):
                    break
            assert len(walked) == len(set(walked))
            assert standing <= set(walked)
    finally:
        is_walking = False
        await writing


async def test_the_link_header_leads_through_the_list(sales: Sales) -> None:
    await add_deals(sales, 3)
    answer = await sales.rep.get("/v1/deals", params={"limit": 2, "sort": "name"})
    link = answer.headers["link"]
    assert link.endswith('; rel="next"')
    following = await sales.rep.get(link.partition(">")[0].removeprefix("<"))
    assert len(require_ok(following)["items"]) == 1
    assert "link" not in following.headers


async def test_filters_narrow_the_list(sales: Sales) -> None:
    won = await sales.create(name="Won", currency="JPY", external_id="erp-7", amount="5")
    won = await sales.move(won, "Closed Won")
    plain = await sales.create(name="Plain")
    for parameters, expected in (
        ({"status": "WON"}, [won]),
        ({"status": "LOST"}, []),
        ({"currency": "JPY"}, [won]),
        ({"external_id": "erp-7"}, [won]),
        ({"stage_id": sales.stages["Qualification"]}, [plain]),
        ({"pipeline_id": sales.pipeline_id, "sort": "name"}, [plain, won]),
        ({"owner_id": str(sales.tenant.rep.id), "sort": "-name"}, [won, plain]),
        ({"updated_since": plain["updated_at"]}, [plain]),
        ({"updated_since": plain["updated_at"].replace("Z", "+00:00")}, [plain]),
    ):
        assert await walk_pages(sales.rep, "/v1/deals", **parameters) == expected


async def test_the_boards_sums_are_the_lists(sales: Sales) -> None:
    for n, (stage, currency, amount) in enumerate(
        [
            ("Qualification", "EUR", "0.05"),
            ("Qualification", "EUR", "10.10"),
            ("Qualification", "JPY", "7"),
            ("Proposal", "KWD", "1.001"),
            ("Proposal", "EUR", None),
            ("Closed Won", "EUR", "100"),
            ("Closed Lost", "EUR", "55"),
        ]
    ):
        client = (sales.rep, sales.other_rep)[n % 2]
        await sales.create(client, stage_id=sales.stages[stage], currency=currency, amount=amount)
    for client in (sales.admin, sales.manager, sales.rep, sales.other_rep):
        board = require_ok(await client.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
        assert [column["stage"]["name"] for column in board["stages"]] == list(sales.stages)
        deals = await walk_pages(client, "/v1/deals", limit=2)
        for column in board["stages"]:
            mine = [deal for deal in deals if deal["stage_id"] == column["stage"]["id"]]
            assert column["count"] == len(mine) == len(column["deals"])
            for total in column["totals"]:
                amounts = [Decimal(deal["amount"] or 0) for deal in mine if deal["currency"] == total["currency"]]
                assert (total["count"], Decimal(total["total"])) == (len(amounts), sum(amounts))
            assert {total["currency"] for total in column["totals"]} == {deal["currency"] for deal in mine}
    column = require_ok(await sales.admin.get(f"/v1/pipelines/{sales.pipeline_id}/board"))["stages"][0]
    assert column["totals"] == [
        {"currency": "EUR", "count": 2, "total": "10.15", "weighted": "1.02"},  # 1.015, half to even
        {"currency": "JPY", "count": 1, "total": "7", "weighted": "1"},
    ]


async def test_a_boards_column_reads_on_by_its_cursor(sales: Sales) -> None:
    made = {deal["id"] for deal in await add_deals(sales, 5)}
    path = f"/v1/pipelines/{sales.pipeline_id}/board"
    board = require_ok(await sales.rep.get(path, params={"limit": 2}))
    column = board["stages"][0]
    assert [other["next_cursor"] for other in board["stages"][1:]] == [None] * 5
    assert column["count"] == 5
    seen = [deal["id"] for deal in column["deals"]]
    while column["next_cursor"] is not None:
        parameters = {"limit": 2, "stage_id": column["stage"]["id"], "cursor": column["next_cursor"]}
        [column] = require_ok(await sales.rep.get(path, params=parameters))["stages"]
        assert column["count"] == 5
        seen += [deal["id"] for deal in column["deals"]]
    assert len(seen) == 5
    assert set(seen) == made


async def test_many_first_calls_make_one_pipeline(deals: Any, contacts: ContactsStandIn) -> None:
    for _ in range(5):
        await make_first_calls(deals, contacts)


async def make_first_calls(deals: Any, contacts: ContactsStandIn) -> None:
    tenant = await deals.seed_tenant()
    client = deals.client(tenant.rep)
    reads = [client.get("/v1/pipelines") for _ in range(20)]
    writes = [client.post("/v1/deals", json={"name": f"n{n}"}) for n in range(10)]
    answers = await asyncio.gather(*reads, *writes)
    assert {answer.status_code for answer in answers} == {200, 201}
    pipelines = {answer.json()["items"][0]["id"] for answer in answers[:20]}
    assert pipelines == {answer.json()["pipeline_id"] for answer in answers[20:]}
    assert len(pipelines) == 1
    events = await deals.take_events(tenant.id)
    assert Counter(event.type for event in events) == {"crm.pipeline.created": 1, "crm.deal.created": 10}
    assert events[0].type == "crm.pipeline.created"  # a deal's event never comes before its pipeline's
    sales = await open_sales(deals, tenant, contacts)
    assert require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}")) == events[0].state


async def test_pipelines_page_too(sales: Sales) -> None:
    for sort in ("created_at", "-created_at", "name", "-name"):
        assert len(await walk_pages(sales.rep, "/v1/pipelines", limit=1, sort=sort)) == 1
