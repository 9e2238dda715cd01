"""Pipelines that change while deals move: whatever the order, every deal stands in a stage that is there."""

import asyncio
from typing import Any

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines
ROUNDS = 6


async def _add_stage(sales: Sales, name: str, **fields: Any) -> str:
    answer = await sales.admin.post(f"/v1/pipelines/{sales.pipeline_id}/stages", json={"name": name, **fields})
    return str(require_ok(answer, 201)["id"])


async def test_a_stage_is_deleted_while_deals_come_and_go(sales: Sales) -> None:
    deals = [await sales.create() for _ in range(12)]
    for number in range(ROUNDS):
        stage_id = await _add_stage(sales, f"Brief {number}")
        for deal in deals[:6]:
            require_ok(await sales.rep.post(f"/v1/deals/{deal['id']}/move", json={"stage_id": stage_id}))
        path = f"/v1/pipelines/{sales.pipeline_id}/stages/{stage_id}"
        into = [sales.rep.post(f"/v1/deals/{deal['id']}/move", json={"stage_id": stage_id}) for deal in deals[6:]]
        out = [
            sales.rep.post(f"/v1/deals/{deal['id']}/move", json={"stage_id": sales.stages["Discovery"]})
            for deal in deals[:6]
        ]
        new = [sales.rep.post("/v1/deals", json={"name": "New", "stage_id": stage_id}) for _ in range(4)]
        deleted, *others = await asyncio.gather(
            sales.admin.delete(path, params={"move_to": sales.stages["Proposal"]}), *into, *out, *new
        )
        assert deleted.status_code == 204
        for answer in others:
            assert answer.status_code in {200, 201, 422}, answer.text
            if answer.status_code == 422:
                require_problem(answer, 422, "invalid-stage", "/stage_id")
    pipeline = require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}"))
    stages = {stage["id"] for stage in pipeline["stages"]}
    found = await walk_pages(sales.rep, "/v1/deals")
    assert {deal["stage_id"] for deal in found} <= stages
    for deal in found:
        history = await walk_pages(sales.rep, f"/v1/deals/{deal['id']}/history")
        assert history[-1]["to_stage"]["id"] == deal["stage_id"]


async def test_a_kind_never_changes_under_a_deal(sales: Sales) -> None:
    for number in range(ROUNDS):
        deal = await sales.create()
        stage_id = await _add_stage(sales, f"Step {number}", position=0)
        path = f"/v1/pipelines/{sales.pipeline_id}/stages/{stage_id}"
        changed, moved, created = await asyncio.gather(
            sales.admin.patch(path, json={"kind": "WON"}),
            sales.rep.post(f"/v1/deals/{deal['id']}/move", json={"stage_id": stage_id}),
            sales.rep.post("/v1/deals", json={"name": "New", "stage_id": stage_id}),
        )
        assert changed.status_code in {200, 409}
        for answer in (moved, created):
            found = require_ok(await sales.rep.get(f"/v1/deals/{answer.json()['id']}"))
            kind = "WON" if changed.status_code == 200 else "OPEN"
            assert found["status"] == kind


async def test_a_pipeline_put_away_holds_no_open_deal(sales: Sales) -> None:
    for _ in range(ROUNDS):
        body = {"name": "Brief", "stages": [{"name": "Only"}, {"name": "Closed Won"}]}
        pipeline = require_ok(await sales.admin.post("/v1/pipelines", json=body), 201)
        path = f"/v1/pipelines/{pipeline['id']}"
        archived, created = await asyncio.gather(
            sales.admin.delete(path),
            sales.rep.post("/v1/deals", json={"name": "New", "pipeline_id": pipeline["id"]}),
        )
        assert (archived.status_code, created.status_code) in {(204, 422), (409, 201)}, (archived.text, created.text)


async def test_changes_of_one_pipeline_at_once_are_each_there(sales: Sales) -> None:
    names = [f"Stage {number}" for number in range(8)]
    await asyncio.gather(*(_add_stage(sales, name, position=0) for name in names))
    pipeline = require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}"))
    assert {stage["name"] for stage in pipeline["stages"]} >= set(names)
    assert [stage["position"] for stage in pipeline["stages"]] == list(range(14))
    assert pipeline["version"] == 9


async def test_one_default_whoever_asks_at_once(sales: Sales) -> None:
    body = {"name": "Other", "stages": [{"name": "Only"}]}
    pipelines = [require_ok(await sales.admin.post("/v1/pipelines", json=body), 201) for _ in range(4)]
    answers = await asyncio.gather(
        *(sales.admin.patch(f"/v1/pipelines/{each['id']}", json={"is_default": True}) for each in pipelines)
    )
    assert {answer.status_code for answer in answers} == {200}
    items = await walk_pages(sales.rep, "/v1/pipelines")
    assert sum(item["is_default"] for item in items) == 1
