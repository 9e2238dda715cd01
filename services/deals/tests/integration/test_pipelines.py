"""Pipelines and their stages: created, changed, put away; and what is refused."""

from typing import Any
from uuid import uuid4

import httpx
import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok, require_problem, walk_pages

pytestmark = pytest.mark.engines

RENEWALS = {
    "name": "Verlängerungen",
    "stages": [{"name": "Prüfung", "win_probability": 30}, {"name": "closed won"}, {"name": "Closed Lost"}],
}


async def _create(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    return require_ok(await client.post("/v1/pipelines", json={**RENEWALS, **fields}), 201)


async def test_closed_won_and_closed_lost_are_what_they_say(sales: Sales) -> None:
    pipeline = await _create(sales.admin)
    assert [(stage["name"], stage["kind"], stage["win_probability"]) for stage in pipeline["stages"]] == [
        ("Prüfung", "OPEN", 30),
        ("closed won", "WON", 100),
        ("Closed Lost", "LOST", 0),
    ]
    assert (pipeline["version"], pipeline["is_default"], pipeline["archived"]) == (1, False, False)
    assert require_ok(await sales.rep.get(f"/v1/pipelines/{pipeline['id']}")) == pipeline
    [event] = await sales.take_events()
    assert (event.type, event.state) == ("crm.pipeline.created", pipeline)


async def test_deals_start_in_the_first_open_stage_of_the_pipeline_named(sales: Sales) -> None:
    pipeline = await _create(sales.admin)
    deal = await sales.create(pipeline_id=pipeline["id"])
    assert deal["stage_id"] == pipeline["stages"][0]["id"]


async def test_a_new_default_takes_over_in_one_step(sales: Sales) -> None:
    pipeline = await _create(sales.admin, is_default=True)
    assert pipeline["is_default"]
    assert (await sales.create())["pipeline_id"] == pipeline["id"]
    items = await walk_pages(sales.rep, "/v1/pipelines")
    assert [item["id"] for item in items if item["is_default"]] == [pipeline["id"]]
    back = require_ok(await sales.admin.patch(f"/v1/pipelines/{sales.pipeline_id}", json={"is_default": True}))
    assert back["is_default"]
    published = [
        (event.type, event.state["is_default"]) for event in await sales.take_events() if "pipeline" in event.type
    ]
    assert published == [
        ("crm.pipeline.created", False),
        ("crm.pipeline.updated", False),
        ("crm.pipeline.updated", True),
        ("crm.pipeline.updated", False),
        ("crm.pipeline.updated", True),
    ]


async def test_stages_are_inserted_renamed_ordered_and_deleted(sales: Sales) -> None:
    path = f"/v1/pipelines/{sales.pipeline_id}"
    body = {"name": "Legal", "win_probability": 80, "rotting_days": 14, "position": 4}
    answer = await sales.admin.post(f"{path}/stages", json=body)
    legal = require_ok(answer, 201)
    assert (legal["position"], legal["kind"], legal["version"]) == (4, "OPEN", 2)
    assert answer.headers["etag"] == '"2"'
    renamed = require_ok(await sales.admin.patch(f"{path}/stages/{legal['id']}", json={"name": "法務"}))
    assert (renamed["name"], renamed["rotting_days"]) == ("法務", 14)
    pipeline = require_ok(await sales.rep.get(path))
    order = [stage["id"] for stage in reversed(pipeline["stages"])]
    turned = require_ok(await sales.admin.put(f"{path}/stages/order", json={"stage_ids": order}))
    assert [stage["id"] for stage in turned["stages"]] == order
    assert [stage["position"] for stage in turned["stages"]] == list(range(7))
    assert (await sales.admin.delete(f"{path}/stages/{legal['id']}")).status_code == 204
    pipeline = require_ok(await sales.rep.get(path))
    assert legal["id"] not in {stage["id"] for stage in pipeline["stages"]}
    assert [event.version for event in await sales.take_events()] == [2, 3, 4, 5]
    again = await sales.admin.put(
        f"{path}/stages/order", json={"stage_ids": [stage["id"] for stage in pipeline["stages"]]}
    )
    assert require_ok(again)["version"] == 5  # as it stood: nothing changed, nothing is told
    assert await sales.take_events() == []


async def test_a_stage_that_holds_deals_goes_with_them_to_another(sales: Sales) -> None:
    deals = [await sales.create() for _ in range(3)]
    hidden = await sales.create(sales.admin)
    path = f"/v1/pipelines/{sales.pipeline_id}/stages/{sales.stages['Qualification']}"
    await sales.take_events()
    require_problem(await sales.admin.delete(path), 409, "stage-in-use")
    require_problem(await sales.admin.delete(path, params={"move_to": str(uuid4())}), 422, "invalid-field", "?move_to")
    assert await sales.take_events() == []
    assert (await sales.admin.delete(path, params={"move_to": sales.stages["Closed Won"]})).status_code == 204
    for deal in [*deals, hidden]:
        found = require_ok(await sales.admin.get(f"/v1/deals/{deal['id']}"))
        assert (found["stage_id"], found["status"], found["version"]) == (sales.stages["Closed Won"], "WON", 3)
        history = await walk_pages(sales.admin, f"/v1/deals/{deal['id']}/history")
        assert [entry["to_stage"]["name"] for entry in history] == ["Qualification", "Closed Won"]
    verbs = [event.verb for event in await sales.take_events()]
    assert verbs == ["stage_changed", "won"] * 4 + ["updated"]


async def test_what_closes_a_deal_does_not_change_under_it(sales: Sales) -> None:
    await sales.create()
    path = f"/v1/pipelines/{sales.pipeline_id}/stages"
    held, empty = sales.stages["Qualification"], sales.stages["Proposal"]
    require_problem(await sales.admin.patch(f"{path}/{held}", json={"kind": "WON"}), 409, "stage-in-use")
    require_ok(await sales.admin.patch(f"{path}/{held}", json={"win_probability": 15}))
    changed = require_ok(await sales.admin.patch(f"{path}/{empty}", json={"kind": "LOST"}))
    assert changed["kind"] == "LOST"


async def test_one_open_stage_always_remains(sales: Sales) -> None:
    pipeline = await _create(sales.admin)
    path = f"/v1/pipelines/{pipeline['id']}/stages/{pipeline['stages'][0]['id']}"
    require_problem(await sales.admin.delete(path), 409, "last-open-stage")
    require_problem(await sales.admin.patch(path, json={"kind": "WON"}), 409, "last-open-stage")
    closed = [{"name": "Closed Won"}]
    require_problem(
        await sales.admin.post("/v1/pipelines", json={"name": "X", "stages": closed}), 422, "invalid-field", "/stages"
    )


async def test_a_pipeline_is_put_away_once_it_holds_no_open_deal(sales: Sales) -> None:
    pipeline = await _create(sales.admin)
    path = f"/v1/pipelines/{pipeline['id']}"
    deal = await sales.create(pipeline_id=pipeline["id"])
    assert require_problem(await sales.admin.delete(path), 409, "pipeline-in-use")["open_deal_count"] == 1
    won = {"stage_id": pipeline["stages"][1]["id"]}
    require_ok(await sales.rep.post(f"/v1/deals/{deal['id']}/move", json=won))
    await sales.take_events()
    assert (await sales.admin.delete(path)).status_code == 204
    [event] = await sales.take_events()
    assert (event.type, event.state["archived"]) == ("crm.pipeline.archived", True)
    assert pipeline["id"] not in {item["id"] for item in await walk_pages(sales.rep, "/v1/pipelines")}
    assert [item["id"] for item in await walk_pages(sales.rep, "/v1/pipelines", archived=True)] == [pipeline["id"]]
    reopen = {"stage_id": pipeline["stages"][0]["id"]}
    move = f"/v1/deals/{deal['id']}/move"
    problem = require_problem(await sales.rep.post(move, json=reopen), 422, "invalid-stage", "/stage_id")
    assert problem["errors"][0]["detail"] == "is a stage of a pipeline that was put away"
    assert require_ok(await sales.rep.post(move, json=won))["version"] == 3  # where it is: nothing changes
    for item, detail in ((reopen, "is a stage of a pipeline that was put away"), (won, None)):
        batch = {"mode": "update", "items": [{"id": deal["id"], **item}]}
        [found] = require_ok(await sales.admin.post("/v1/deals/batch", json=batch), 207)["items"]
        assert found.get("problem", {"errors": [{"detail": None}]})["errors"][0]["detail"] == detail
    require_problem(
        await sales.rep.post("/v1/deals", json={"name": "New", "pipeline_id": pipeline["id"]}),
        422,
        "unknown-reference",
        "/pipeline_id",
    )
    require_ok(await sales.admin.patch(path, json={"archived": False}))
    require_ok(await sales.rep.post(f"/v1/deals/{deal['id']}/move", json=reopen))


async def test_the_default_pipeline_stays(sales: Sales) -> None:
    path = f"/v1/pipelines/{sales.pipeline_id}"
    require_problem(await sales.admin.delete(path), 409, "default-pipeline")
    require_problem(await sales.admin.patch(path, json={"is_default": False}), 422, "invalid-field", "/is_default")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"stages": [{"name": "A"}]}, "/name"),
        ({"name": "X"}, "/stages"),
        ({"name": "X", "stages": []}, "/stages"),
        ({"name": "X", "stages": [{"name": ""}]}, "/stages/0/name"),
        ({"name": "X", "stages": [{"name": "A"}, {"name": "a"}]}, "/stages/1/name"),
        ({"name": "X", "stages": [{"name": "A", "win_probability": 101}]}, "/stages/0/win_probability"),
        ({"name": "X", "stages": [{"name": "A", "win_probability": 50.5}]}, "/stages/0/win_probability"),
        ({"name": "X", "stages": [{"name": "A", "kind": "HALF"}]}, "/stages/0/kind"),
        ({"name": "X", "stages": [{"name": "A", "rotting_days": 0}]}, "/stages/0/rotting_days"),
        ({"name": "X", "stages": [{"name": "A", "color": "red"}]}, "/stages/0/color"),
        ({"name": "X", "stages": [{"name": f"S{number}"} for number in range(101)]}, "/stages"),
    ],
)
async def test_a_pipeline_that_can_not_be_names_its_field(steady: Sales, body: dict[str, Any], pointer: str) -> None:
    require_problem(await steady.admin.post("/v1/pipelines", json=body), 422, "invalid-field", pointer)
    assert "pipeline" not in {event.aggregate for event in await steady.take_events()}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", RENEWALS),
        ("PATCH", "/{pipeline}", {"name": "X"}),
        ("DELETE", "/{pipeline}", None),
        ("POST", "/{pipeline}/stages", {"name": "X"}),
        ("PATCH", "/{pipeline}/stages/{stage}", {"name": "X"}),
        ("PUT", "/{pipeline}/stages/order", {"stage_ids": []}),
        ("DELETE", "/{pipeline}/stages/{stage}", None),
    ],
)
async def test_only_an_admin_of_the_tenant_writes(
    steady: Sales, elsewhere: Sales, method: str, path: str, body: dict[str, Any] | None
) -> None:
    ours = "/v1/pipelines" + path.format(pipeline=steady.pipeline_id, stage=steady.stages["Proposal"])
    for client in (steady.rep, steady.manager):
        require_problem(await client.request(method, ours, json=body), 403, "forbidden")
    if path:
        require_problem(await elsewhere.admin.request(method, ours, json=body), 404, "not-found")
        stale = {"If-Match": '"99"'}
        require_problem(await steady.admin.request(method, ours, json=body, headers=stale), 412, "stale-version")
    assert "pipeline" not in {event.aggregate for event in await steady.take_events()}
