"""What is closed stays closed when configuration goes, also while it is deleted."""

import asyncio
from typing import Any

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem

pytestmark = pytest.mark.engines


async def _add_stage(sales: Sales, name: str, kind: str) -> str:
    path = f"/v1/pipelines/{sales.pipeline_id}/stages"
    stage = require_ok(await sales.admin.post(path, json={"name": name, "kind": kind}), 201)
    sales.stages[name] = stage["id"]
    return str(stage["id"])


async def _close_and_delete(sales: Sales, stage: str, **fields: Any) -> dict[str, Any]:
    deal = await sales.move(await sales.create(), stage, **fields)
    assert (await sales.rep.delete(f"/v1/deals/{deal['id']}")).status_code == 204
    await sales.take_events()
    return deal


async def _restore(sales: Sales, deal: dict[str, Any]) -> dict[str, Any]:
    return require_ok(await sales.rep.post(f"/v1/deals/{deal['id']}/restore"))


@pytest.mark.parametrize(
    ("kind", "sibling", "fields"),
    [("WON", "Closed Won", {}), ("LOST", "Closed Lost", {"lost_reason": "price"})],
)
@pytest.mark.parametrize("move_to", [None, "Discovery"])
async def test_a_closed_deal_in_the_bin_goes_to_another_stage_of_its_kind(
    sales: Sales, kind: str, sibling: str, fields: dict[str, Any], move_to: str | None
) -> None:
    doomed = await _add_stage(sales, "Doomed", kind)
    deal = await _close_and_delete(sales, "Doomed", **fields)
    parameters = {} if move_to is None else {"move_to": sales.stages[move_to]}
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{doomed}"
    assert (await sales.admin.delete(path, params=parameters)).status_code == 204
    published = [event.verb for event in await sales.take_events() if event.aggregate == "deal"]
    assert published == ["stage_changed"]  # the stage is another, the deal is not reopened
    restored = await _restore(sales, deal)
    kept = ("status", "closed_at", "lost_reason")
    assert {name: restored[name] for name in kept} == {name: deal[name] for name in kept}
    assert restored["stage_id"] == sales.stages[sibling]
    history = require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}/history"))["items"]
    assert history[-1]["to_stage"]["name"] == sibling


async def test_where_no_stage_of_its_kind_is_left_somebody_says_where_it_goes(sales: Sales) -> None:
    deal = await _close_and_delete(sales, "Closed Won")
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{sales.stages['Closed Won']}"
    problem = require_problem(await sales.admin.delete(path), 409, "stage-in-use")
    assert "move_to" in problem["detail"]
    assert (await _restore(sales, deal))["status"] == "WON"
    assert (await sales.rep.delete(f"/v1/deals/{deal['id']}")).status_code == 204
    answer = await sales.admin.delete(path, params={"move_to": sales.stages["Proposal"]})
    assert answer.status_code == 204
    assert (await _restore(sales, deal))["status"] == "OPEN"  # as an ADMIN said


async def test_an_open_deal_in_the_bin_goes_to_an_open_stage(sales: Sales) -> None:
    deal = await _close_and_delete(sales, "Proposal")
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{sales.stages['Proposal']}"
    assert (await sales.admin.delete(path, params={"move_to": sales.stages["Closed Lost"]})).status_code == 204
    restored = await _restore(sales, deal)
    assert (restored["status"], restored["stage_id"]) == ("OPEN", sales.stages["Qualification"])


async def test_a_deal_that_nobody_can_restore_any_more_holds_up_no_stage(sales: Sales) -> None:
    deal = await _close_and_delete(sales, "Closed Won")
    async with sales.kit.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE deals SET deleted_at = deleted_at - interval '31 days' WHERE id = $1", deal["id"]
        )
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{sales.stages['Closed Won']}"
    assert (await sales.admin.delete(path)).status_code == 204


async def test_a_stage_that_changes_its_meaning_does_not_change_the_deals_in_the_bin(sales: Sales) -> None:
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{sales.stages['Closed Won']}"
    deal = await _close_and_delete(sales, "Closed Won")
    require_problem(await sales.admin.patch(path, json={"kind": "OPEN"}), 409, "stage-in-use")
    await _add_stage(sales, "Paid", "WON")
    require_ok(await sales.admin.patch(path, json={"kind": "OPEN"}))
    restored = await _restore(sales, deal)
    assert (restored["status"], restored["closed_at"]) == ("WON", deal["closed_at"])
    assert restored["stage_id"] == sales.stages["Paid"]


async def test_a_deal_restored_while_its_stage_goes_stays_closed(sales: Sales) -> None:
    for number in range(6):
        doomed = await _add_stage(sales, f"Doomed {number}", "WON")
        deal = await _close_and_delete(sales, f"Doomed {number}")
        answers = await asyncio.gather(
            sales.admin.delete(f"/v1/pipelines/{sales.pipeline_id}/stages/{doomed}"),
            sales.rep.post(f"/v1/deals/{deal['id']}/restore"),
        )
        assert [answer.status_code for answer in answers] in ([204, 200], [409, 200])
        present = require_ok(await sales.rep.get(f"/v1/deals/{deal['id']}"))
        assert (present["status"], present["closed_at"]) == ("WON", deal["closed_at"])


async def test_a_closed_deal_comes_back_into_a_pipeline_that_was_put_away_and_an_open_one_does_not(
    sales: Sales,
) -> None:
    stages = [{"name": "Begun"}, {"name": "Closed Won"}]
    pipeline = require_ok(await sales.admin.post("/v1/pipelines", json={"name": "Old", "stages": stages}), 201)
    begun, won = (stage["id"] for stage in pipeline["stages"])
    closed, open_ = [await sales.create(pipeline_id=pipeline["id"], stage_id=stage) for stage in (won, begun)]
    for deal in (closed, open_):
        assert (await sales.rep.delete(f"/v1/deals/{deal['id']}")).status_code == 204
    assert (await sales.admin.delete(f"/v1/pipelines/{pipeline['id']}")).status_code == 204
    assert (await _restore(sales, closed))["status"] == "WON"
    require_problem(await sales.rep.post(f"/v1/deals/{open_['id']}/restore"), 409, "pipeline-archived")
