"""What GET answers of deals, pipelines, webhooks and custom fields may be sent back by PATCH."""

from collections.abc import Mapping
from typing import Any, Final

import pytest
from services.deals.tests.integration.sales import Sales
from starlette.requests import Request
from starlette.responses import Response

from crm_deals.deals.schemas import WriteDealRequest
from crm_shared.contracts.states import DealState
from crm_shared.read_only_fields import list_read_only as list_unchanged
from crm_testing.answers import require_ok, require_problem
from crm_testing.sent_back import list_patched, list_read_only, require_taken_back, require_taken_back_in_a_batch

pytestmark = pytest.mark.engines

STAGE: Final = "/pipelines/{pipeline_id}/stages/{stage_id}"
RECORDS: Final[Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]] = {
    "/deals/{deal_id}": (
        {"name": "Engine", "amount": "12.50", "description": "Zoë\n", "close_date": "2026-03-01"},
        {"amount": "13.00"},
    ),
    "/pipelines/{pipeline_id}": (
        {"name": "Renewals", "stages": [{"name": "Open", "win_probability": 50, "kind": "OPEN"}]},
        {"name": "Other"},
    ),
    STAGE: (
        {"name": "Trial", "win_probability": 20, "kind": "OPEN", "rotting_days": 5},
        {"win_probability": 40},
    ),
    "/webhooks/{webhook_id}": (
        {"url": "https://hooks.example/x", "event_types": ["crm.deal.won"]},
        {"active": False},
    ),
    "/custom-fields/{field_id}": (
        {"entity_type": "DEAL", "key": "colour", "label": "Colour", "field_type": "SELECT", "options": ["red"]},
        {"label": "Color"},
    ),
}


def test_every_record_that_is_patched_is_tried(sales: Sales) -> None:
    assert list_patched(sales.kit.app) == RECORDS.keys()


@pytest.mark.parametrize("template", RECORDS)
async def test_what_get_answers_is_taken_back(sales: Sales, template: str) -> None:
    created, change = RECORDS[template]
    collection = f"/v1{template.rpartition('/')[0]}".replace("{pipeline_id}", sales.pipeline_id)
    record = require_ok(await sales.admin.post(collection, json=created), 201)
    read_only = list_read_only(sales.kit.app, template)
    await require_taken_back(sales.admin, f"{collection}/{record['id']}", read_only, change)


async def test_items_of_a_batch_take_it_back_too(sales: Sales) -> None:
    """They move a deal as well: the fields of which they don't change are fewer than PATCH's."""
    deal = await sales.create(name="Engine", amount="12.50", close_date="2026-03-01")
    path = f"/v1/deals/{deal['id']}"
    await require_taken_back_in_a_batch(
        sales.rep, path, set(list_unchanged(DealState, WriteDealRequest)), {"amount": "13.00"}
    )


async def test_a_stage_is_taken_back_as_its_pipeline_shows_it(sales: Sales) -> None:
    pipeline = require_ok(await sales.admin.post("/v1/pipelines", json=RECORDS["/pipelines/{pipeline_id}"][0]), 201)
    path, [stage, *_] = f"/v1/pipelines/{pipeline['id']}/stages", pipeline["stages"]
    changed = require_ok(await sales.admin.patch(f"{path}/{stage['id']}", json={**stage, "win_probability": 60}))
    assert (changed["win_probability"], changed["version"]) == (60, 2)
    for name, value in [("position", 9), ("pipeline_id", stage["id"])]:
        answer = await sales.admin.patch(f"{path}/{stage['id']}", json={**stage, name: value})
        require_problem(answer, 422, "invalid-field", f"/{name}")


@pytest.mark.parametrize(
    ("fields", "headers", "status", "reads"),
    [({}, {}, 200, 2), ({"version": 1}, {}, 422, 2), ({}, {"If-Match": '"1"'}, 412, 1)],
)
async def test_a_write_between_the_look_and_the_write_is_looked_at_again(
    sales: Sales,
    monkeypatch: pytest.MonkeyPatch,
    fields: Mapping[str, Any],
    headers: Mapping[str, str],
    status: int,
    reads: int,
) -> None:
    deal = require_ok(await sales.rep.post("/v1/deals", json={"name": "Engine"}), 201)
    path, looked = f"/v1/deals/{deal['id']}", 0
    readers = sales.kit.app.state.readers
    read = readers["/deals/{deal_id}"]

    async def read_and_be_overtaken(request: Request) -> Response:
        nonlocal looked
        looked += 1
        found: Response = await read(request)
        if looked == 1:
            require_ok(await sales.rep.patch(path, json={"description": "meanwhile"}))
        return found

    monkeypatch.setitem(readers, "/deals/{deal_id}", read_and_be_overtaken)
    answer = await sales.rep.patch(path, json={"id": deal["id"], "name": "Other", **fields}, headers=headers)
    assert (answer.status_code, looked) == (status, reads), answer.text
    present = require_ok(await sales.rep.get(path))
    assert present["description"] == "meanwhile"
    assert present["name"] == ("Other" if status == 200 else "Engine")
