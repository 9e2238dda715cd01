"""The export: what the list shows, whole, with the names that its reader may see."""

import csv
import io
from typing import Any

import httpx
import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals import consumers
from crm_deals.exports import routes
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines

PATH = "/v1/exports/deals.csv"


async def export(client: httpx.AsyncClient, **params: Any) -> list[dict[str, str]]:
    answer = await client.get(PATH, params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_each_field_is_a_cell(sales: Sales) -> None:
    contact_id = new_id()
    published = make_contact_event(
        sales.tenant.id,
        sales.tenant.rep.id,
        contact_id=contact_id,
        version=1,
        shares=[],
        first_name="Zoë",
        last_name="O",
    )
    await consumers.keep_replicas([published], sales.kit.database)
    field = {"entity_type": "DEAL", "key": "size", "label": "Size", "field_type": "NUMBER"}
    require_ok(await sales.admin.post("/v1/custom-fields", json=field), 201)
    deal = await sales.create(
        name="=1+1", contact_id=str(contact_id), amount="1234.50", currency="EUR", close_date="2026-12-01",
        description='two\r\n"lines"', stage_id=sales.stages["Proposal"], external_id="E1", custom_data={"size": "4.5"},
    )  # fmt: skip
    (row,) = await export(sales.rep)
    assert (row["id"], row["name"], row["amount"], row["currency"]) == (deal["id"], "'=1+1", "1234.50", "EUR")
    assert (row["pipeline"], row["stage"], row["status"]) == ("Sales", "Proposal", "OPEN")
    assert (row["contact"], row["owner"], row["close_date"]) == ("Zoë O", sales.tenant.rep.email, "2026-12-01")
    assert (row["description"], row["cf_size"], row["company"]) == ('two\r\n"lines"', "4.5", "")
    assert await export(sales.other_rep) == []
    answer = await sales.rep.get(PATH, params={"fields": "cf_size, name", "status": "OPEN", "excel": "true"})
    assert answer.content == b"\xef\xbb\xbfcf_size,name\r\n4.5,'=1+1\r\n"


async def test_an_export_is_read_page_by_page(sales: Sales, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "PAGE_ROWS", 2)
    made = {(await sales.create(name=f"D{number}"))["id"] for number in range(5)}
    rows = await export(sales.rep, sort="name")
    assert {row["id"] for row in rows} == made
    assert [row["name"] for row in rows] == [f"D{number}" for number in range(5)]
    assert len(await export(sales.rep, next_step="none")) == 5


@pytest.mark.parametrize("name", ["limit", "cursor", "nickname", "cf_unknown"])
async def test_wrong_parameters_are_named(sales: Sales, name: str) -> None:
    require_problem(await sales.rep.get(PATH, params={name: "5"}), 422, None, f"?{name}")
