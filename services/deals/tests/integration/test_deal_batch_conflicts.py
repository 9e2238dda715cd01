"""Batches that meet others: the same external id, owners out of sight, two that cross."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

import pytest
from services.deals.tests.integration.batch_kit import read, write
from services.deals.tests.integration.sales import Sales

from crm_deals.deals import repository
from crm_shared.access import Caller
from crm_shared.database import Transaction
from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def test_batches_that_cross_end_with_each_deal_once(sales: Sales) -> None:
    items = [{"name": f"Deal {number}", "external_id": f"c-{number}"} for number in range(30)]
    both = await asyncio.gather(
        write(sales.admin, "upsert", *items, id_property="external_id"),
        write(sales.admin, "upsert", *reversed(items), id_property="external_id"),
    )
    assert {item["status"] for answer in both for item in answer} <= {200, 201}
    found = await walk_pages(sales.admin, "/v1/deals", limit=200)
    assert sorted(deal["external_id"] for deal in found) == sorted(item["external_id"] for item in items)


async def test_an_external_id_is_one_living_deals(sales: Sales) -> None:
    deal = await sales.create(external_id="one")
    body = {"name": "Other", "external_id": "one"}
    problem = require_problem(await sales.rep.post("/v1/deals", json=body), 409, "duplicate-external-id")
    assert problem["existing_id"] == deal["id"]
    other = await sales.create(external_id="two")
    path = f"/v1/deals/{other['id']}"
    require_problem(await sales.rep.patch(path, json={"external_id": "one"}), 409, "duplicate-external-id")
    assert (await sales.rep.delete(f"/v1/deals/{deal['id']}")).status_code == 204
    require_ok(await sales.rep.patch(path, json={"external_id": "one"}))
    require_problem(await sales.rep.post(f"/v1/deals/{deal['id']}/restore"), 409, "duplicate-external-id")


async def test_a_colleagues_deal_is_in_the_way_of_its_item_alone(sales: Sales) -> None:
    hidden = await sales.create(sales.other_rep, external_id="theirs")
    own = await sales.create(external_id="ours")
    wanted = [{"external_id": name, "name": "Changed"} for name in ("theirs", "ours", "new")]

    upserted = await write(sales.rep, "upsert", *wanted, id_property="external_id")
    updated = await write(sales.rep, "update", *wanted, {"external_id": "none", "name": "X"}, id_property="external_id")
    by_id = await write(
        sales.rep, "update", {"id": hidden["id"], "name": "X"}, {"id": own["id"], "external_id": "theirs"}
    )

    assert [item["status"] for item in upserted] == [409, 200, 201]
    assert "existing_id" not in upserted[0]["problem"]
    assert "Ask an ADMIN" in upserted[0]["problem"]["detail"]
    assert [item["status"] for item in updated] == [404, 200, 200, 404]
    assert [item["status"] for item in by_id] == [404, 409]
    assert hidden["id"] not in str([upserted, updated, by_id[1]])
    assert await read(sales, hidden) == hidden


async def test_who_can_not_be_had_twice_running_is_a_conflict_of_its_item(
    sales: Sales, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: no kind of record may let one holder sink the batch."""
    out_of_reach = await sales.create(external_id="out of reach")
    lock_many = repository.lock_many

    async def lock_others(transaction: Transaction, caller: Caller, deal_ids: Collection[UUID]) -> Any:
        return await lock_many(transaction, caller, [each for each in deal_ids if str(each) != out_of_reach["id"]])

    monkeypatch.setattr(repository, "lock_many", lock_others)
    wanted = [{"external_id": name, "name": "Changed"} for name in ("out of reach", "new")]

    items = await write(sales.rep, "upsert", *wanted, id_property="external_id")

    assert [item["status"] for item in items] == [409, 201]
    assert items[0]["problem"]["existing_id"] == out_of_reach["id"]


async def test_batches_of_people_who_do_not_see_each_other_cross_and_both_end(sales: Sales) -> None:
    names = [f"x-{number}" for number in range(30)]
    for name in names[::3]:
        await sales.create(sales.other_rep, external_id=name)
    items = [{"name": name, "external_id": name} for name in names]

    answers = await asyncio.gather(
        *(
            write(client, "upsert", *(items[::step]), id_property="external_id")
            for client in (sales.rep, sales.other_rep, sales.rep)
            for step in (1, -1)
        )
    )

    assert {item["status"] for answer in answers for item in answer} <= {200, 201, 409}
    found = await walk_pages(sales.admin, "/v1/deals", limit=200)
    assert sorted(deal["external_id"] for deal in found) == sorted(names)


async def test_a_conflict_names_the_deals_that_its_reader_sees(sales: Sales) -> None:
    holder = await sales.create(sales.other_rep, external_id="one")
    body = {"name": "Other", "external_id": "one"}
    gone = await sales.create(external_id="two")
    assert (await sales.rep.delete(f"/v1/deals/{gone['id']}")).status_code == 204
    await sales.create(sales.other_rep, external_id="two")
    for client, is_named in ((sales.rep, False), (sales.manager, False), (sales.other_rep, True), (sales.admin, True)):
        own = await sales.create(client)
        answers = [
            await client.post("/v1/deals", json=body),
            await client.patch(f"/v1/deals/{own['id']}", json={"external_id": "one"}),
        ]
        for answer in answers:
            problem = require_problem(answer, 409, "duplicate-external-id")
            assert problem.get("existing_id") == (holder["id"] if is_named else None)
        [item] = await write(client, "create", body)
        assert ("existing_id" in item["problem"]) is is_named
    restored = await sales.rep.post(f"/v1/deals/{gone['id']}/restore")
    assert "existing_id" not in require_problem(restored, 409, "duplicate-external-id")


async def test_a_deal_is_made_for_those_whose_records_one_sees(sales: Sales) -> None:
    tenant = sales.tenant
    for person, owners in (
        (tenant.rep, {tenant.rep}),
        (tenant.manager, {tenant.manager, tenant.rep}),
        (tenant.admin, set(tenant.people)),
    ):
        client = sales.calling(person)
        for owner in tenant.people:
            body = {"name": "Acme", "owner_id": str(owner.id)}
            answer = await client.post("/v1/deals", json=body)
            items = await write(client, "create", body, {"name": "Own"})
            if owner in owners:
                assert (answer.status_code, items[0]["status"]) == (201, 201)
            else:
                require_problem(answer, 422, "unknown-reference", "/owner_id")
                assert items[0]["problem"]["errors"][0]["pointer"] == "/owner_id"
            assert items[1]["status"] == 201
    own = await sales.create()
    given = require_ok(await sales.rep.patch(f"/v1/deals/{own['id']}", json={"owner_id": str(tenant.other_rep.id)}))
    assert given["owner_id"] == str(tenant.other_rep.id)  # what one has may be handed to any colleague
