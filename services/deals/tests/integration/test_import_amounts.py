"""Amounts in files: none is taken for another because its file leaves open what a mark means."""

import pytest
from services.deals.tests.integration.sales import Sales

from crm_deals.imports.adapters import ADAPTERS
from crm_testing import importing
from crm_testing.answers import require_ok

pytestmark = pytest.mark.engines


async def test_amounts_that_may_be_a_thousand_times_more_wait_for_the_mark(sales: Sales) -> None:
    content = "name;amount\nOne;1.250\nTwo;12.500\nThree;900\n"
    job = await importing.run_import(sales.kit, ADAPTERS, sales.tenant.admin, content, entity_type="DEAL")
    assert (job["counts"]["created"], job["counts"]["failed"]) == (1, 2)
    errors = await sales.admin.get(f"/v1/imports/{job['id']}/errors.csv")
    assert "may be meant as 1.250 or as 1250: state the file's decimal_mark" in errors.text

    admin = sales.tenant.admin
    job = await importing.run_import(sales.kit, ADAPTERS, admin, content, entity_type="DEAL", decimal_mark=",")
    assert job["counts"]["created"] == 3
    items = require_ok(await sales.admin.get("/v1/deals", params={"limit": 200}))["items"]
    assert sorted(item["amount"] for item in items) == ["1250.00", "12500.00", "900.00", "900.00"]
