"""Amounts of currencies without decimals are whole numbers to their last zero, wherever they are read."""

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines


@pytest.mark.parametrize("amount", ["10000", "250000", "10000000000000"])
async def test_ten_thousand_yen_are_no_power_of_ten(sales: Sales, amount: str) -> None:
    deal = await sales.create(amount=amount, currency="JPY")
    url = f"/v1/deals/{deal['id']}"
    assert require_ok(await sales.rep.get(url))["amount"] == amount
    same = require_ok(await sales.rep.patch(url, json={"amount": amount}))
    assert (same["version"], same["amount"]) == (deal["version"], amount)
    assert require_ok(await sales.rep.patch(url, json={"name": "Tokyo"}))["amount"] == amount
    [listed] = require_ok(await sales.rep.get("/v1/deals"))["items"]
    assert listed["amount"] == amount
    board = require_ok(await sales.rep.get(f"/v1/pipelines/{sales.pipeline_id}/board"))
    assert board["stages"][0]["totals"][0]["total"] == amount
    published = [
        event.state["amount"] for event in await sales.kit.take_events(sales.tenant.id) if event.aggregate == "deal"
    ]
    assert published == [amount, amount]
