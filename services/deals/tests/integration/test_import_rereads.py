"""Files about deals that are there already: what they say twice, and what they say by halves."""

from typing import Any

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines


async def upsert(sales: Sales, content: str, **fields: Any) -> dict[str, Any]:
    given = {"entity_type": "DEAL", "mode": "upsert", **fields}
    job = await importing.run_import(sales.kit, ADAPTERS, sales.tenant.admin, content, **given)
    errors = await sales.admin.get(f"/v1/imports/{job['id']}/errors.csv")
    assert job["counts"]["failed"] == 0, errors.text
    counts: dict[str, Any] = job["counts"]
    return {name: counts[name] for name in ("created", "updated", "unchanged")}


async def read(sales: Sales, deal: dict[str, Any], *names: str) -> tuple[Any, ...]:
    present = require_ok(await sales.admin.get(f"/v1/deals/{deal['id']}"))
    return tuple(present[name] for name in names)


UPDATED = {"created": 0, "updated": 1, "unchanged": 0}
UNCHANGED = {"created": 0, "updated": 0, "unchanged": 1}


@pytest.mark.parametrize(
    "content",
    [
        "external_id,name,stage,status\nE,Acme renewal,Proposal,{status}\n",
        "external_id,name,status\nE,Acme renewal,{status}\n",
    ],
)
@pytest.mark.parametrize("status", ["Lost", "LOST"])
async def test_a_status_closes_a_deal_whose_stage_is_as_the_file_says(sales: Sales, content: str, status: str) -> None:
    deal = await sales.create(external_id="E", stage_id=sales.stages["Proposal"])
    assert await upsert(sales, content.format(status=status)) == UPDATED
    assert await read(sales, deal, "status", "stage_id") == ("LOST", sales.stages["Closed Lost"])
    assert await upsert(sales, content.format(status=status)) == UNCHANGED
    assert await read(sales, deal, "status", "version") == ("LOST", 3)


async def test_a_stage_edited_in_an_export_moves_the_deal_whatever_its_status_was(sales: Sales) -> None:
    deal = await sales.create(external_id="E", stage_id=sales.stages["Closed Lost"], lost_reason="price")
    exported = (await sales.admin.get("/v1/exports/deals.csv")).text
    head, line = exported.splitlines()
    cells = dict(zip(head.split(","), line.split(","), strict=True))
    assert cells["stage"] == "Closed Lost"
    line = line.replace(",Closed Lost,", ",Proposal,").replace(",price,", ",,")
    assert await upsert(sales, f"{head}\n{line}\n") == UPDATED
    assert await read(sales, deal, "status", "stage_id") == ("OPEN", sales.stages["Proposal"])


async def test_a_lost_deal_takes_another_reason(sales: Sales) -> None:
    deal = await sales.create(external_id="E", stage_id=sales.stages["Closed Lost"], lost_reason="price")
    content = "external_id,stage,status,lost_reason\nE,Proposal,Lost,{reason}\n"
    assert await upsert(sales, content.format(reason="time")) == UPDATED
    assert await read(sales, deal, "status", "lost_reason") == ("LOST", "time")


async def test_a_deal_stays_in_its_pipeline_where_the_row_names_none(sales: Sales) -> None:
    stages = [
        {"name": "New", "kind": "OPEN", "win_probability": 10},
        {"name": "Closed Won", "kind": "WON", "win_probability": 100},
        {"name": "Closed Lost", "kind": "LOST", "win_probability": 0},
    ]
    pipeline = require_ok(await sales.admin.post("/v1/pipelines", json={"name": "Partners", "stages": stages}), 201)
    deal = await sales.create(external_id="E", pipeline_id=pipeline["id"])
    assert await upsert(sales, "external_id,name,stage\nE,Acme renewal,closed won\n") == UPDATED
    assert await read(sales, deal, "pipeline_id", "status") == (pipeline["id"], "WON")
