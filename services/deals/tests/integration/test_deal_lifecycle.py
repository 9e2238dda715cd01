"""Deals deleted and brought back, and deals that go to another pipeline."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from services.deals.tests.integration.sales import Sales

from crm_shared.retention import RESTORABLE_FOR
from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines


async def _open_pipeline(sales: Sales) -> dict[str, Any]:
    stages = [{"name": "Review"}, {"name": "Closed Won"}, {"name": "Closed Lost"}]
    return require_ok(await sales.admin.post("/v1/pipelines", json={"name": "Renewals", "stages": stages}), 201)


async def test_a_deleted_deal_is_nowhere_and_comes_back_as_it_was(sales: Sales) -> None:
    deal = await sales.move(await sales.create(amount="5.00"), "Closed Won")
    path = f"/v1/deals/{deal['id']}"
    await sales.take_events()
    assert (await sales.rep.delete(path, headers={"If-Match": f'"{deal["version"]}"'})).status_code == 204
    for answer in (
        await sales.rep.get(path),
        await sales.rep.get(f"{path}/history"),
        await sales.rep.patch(path, json={"name": "X"}),
        await sales.rep.post(f"{path}/move", json={"stage_id": sales.stages["Proposal"]}),
        await sales.rep.delete(path),
    ):
        require_problem(answer, 404, "not-found")
    assert await walk_pages(sales.rep, "/v1/deals") == []
    board = require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    assert sum(column["count"] for column in board["stages"]) == 0
    restored = require_ok(await sales.rep.post(f"{path}/restore"))
    changed = {"version": deal["version"] + 2, "updated_at": restored["updated_at"]}
    assert restored == {**deal, **changed}
    assert require_ok(await sales.rep.post(f"{path}/restore")) == restored  # it is there: nothing to do
    assert [event.verb for event in await sales.take_events()] == ["deleted", "restored"]


async def test_who_may_not_change_a_deal_may_not_delete_it(sales: Sales, elsewhere: Sales) -> None:
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    for client in (sales.other_rep, elsewhere.admin):
        require_problem(await client.delete(path), 404, "not-found")
    require_problem(await sales.rep.delete(path, headers={"If-Match": '"9"'}), 412, "stale-version")
    assert (await sales.manager.delete(path)).status_code == 204
    for client in (sales.other_rep, elsewhere.admin):
        require_problem(await client.post(f"{path}/restore"), 404, "not-found")
    require_ok(await sales.manager.post(f"{path}/restore"))


async def test_after_its_time_a_deal_is_gone_for_good(sales: Sales) -> None:
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    await sales.rep.delete(path)
    late = RESTORABLE_FOR + timedelta(seconds=1)
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE deals SET deleted_at = deleted_at - $1::interval WHERE id = $2", late, UUID(deal["id"])
        )
    require_problem(await sales.admin.post(f"{path}/restore"), 404, "not-found")


async def test_an_open_deal_does_not_come_back_into_a_pipeline_put_away(sales: Sales) -> None:
    pipeline = await _open_pipeline(sales)
    deal = await sales.create(pipeline_id=pipeline["id"])
    await sales.rep.delete(f"/v1/deals/{deal['id']}")
    assert (await sales.admin.delete(f"/v1/pipelines/{pipeline['id']}")).status_code == 204
    require_problem(await sales.rep.post(f"/v1/deals/{deal['id']}/restore"), 409, "pipeline-archived")
    require_ok(await sales.admin.patch(f"/v1/pipelines/{pipeline['id']}", json={"archived": False}))
    require_ok(await sales.rep.post(f"/v1/deals/{deal['id']}/restore"))


async def test_a_deal_goes_to_another_pipeline_with_a_stage_of_it(sales: Sales) -> None:
    pipeline = await _open_pipeline(sales)
    review, _, lost = (stage["id"] for stage in pipeline["stages"])
    deal = await sales.create(amount="7.00")
    path = f"/v1/deals/{deal['id']}"
    await sales.take_events()
    body = {"pipeline_id": pipeline["id"], "stage_id": lost, "lost_reason": "too late", "name": "Acme, again"}
    moved = require_ok(await sales.rep.patch(path, json=body))
    assert {name: moved[name] for name in body} == body
    assert (moved["status"], moved["version"]) == ("LOST", 4)
    events = await sales.take_events()
    assert [event.verb for event in events] == ["updated", "stage_changed", "lost"]
    assert events[1].changed is not None
    assert events[1].changed["pipeline_id"] == {"from": sales.pipeline_id, "to": pipeline["id"]}
    names = [entry["to_stage"]["name"] for entry in await walk_pages(sales.rep, f"{path}/history")]
    assert names == ["Qualification", "Closed Lost"]
    back = {"pipeline_id": sales.pipeline_id, "stage_id": sales.stages["Proposal"]}
    assert require_ok(await sales.rep.patch(path, json=back))["status"] == "OPEN"
    assert review != lost


async def test_a_change_of_pipeline_names_a_stage_of_it(sales: Sales, elsewhere: Sales) -> None:
    pipeline = await _open_pipeline(sales)
    deal = await sales.create()
    path = f"/v1/deals/{deal['id']}"
    await sales.take_events()
    review, proposal = pipeline["stages"][0]["id"], sales.stages["Proposal"]
    for body, slug in (
        ({"stage_id": proposal}, "invalid-field"),
        ({"stage_id": review}, "invalid-field"),
        ({"pipeline_id": pipeline["id"]}, "invalid-field"),
        ({"pipeline_id": pipeline["id"], "stage_id": proposal}, "invalid-stage"),
        ({"pipeline_id": pipeline["id"], "stage_id": str(uuid4())}, "invalid-stage"),
        ({"pipeline_id": elsewhere.pipeline_id, "stage_id": elsewhere.stages["Proposal"]}, "invalid-stage"),
        ({"pipeline_id": pipeline["id"], "stage_id": None}, "invalid-field"),
    ):
        require_problem(await sales.rep.patch(path, json=body), 422, slug, "/stage_id")
    present = {"pipeline_id": sales.pipeline_id, "stage_id": deal["stage_id"]}
    assert require_ok(await sales.rep.patch(path, json=present)) == deal
    assert await sales.take_events() == []
