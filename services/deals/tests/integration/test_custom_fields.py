"""Custom fields of deals: the shared machinery, held against this service's own create, PATCH, list and worker."""

from typing import Any

import httpx
import pytest

from crm_deals.settings import DealsSettings
from crm_deals.worker import RECORD_ADAPTERS
from crm_shared.clock import SystemClock
from crm_shared.features.custom_fields.maintenance import maintaining_custom_fields
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit
from crm_testing.waiting import wait_until

pytestmark = pytest.mark.engines

Deals = ServiceKit[DealsSettings]


async def define(client: httpx.AsyncClient, key: str, field_type: str, **more: Any) -> dict[str, Any]:
    body = {"entity_type": "DEAL", "key": key, "label": key, "field_type": field_type, **more}
    return require_ok(await client.post("/v1/custom-fields", json=body), 201)


async def test_deals_hold_custom_fields(deals: Deals, tenant: SeededTenant) -> None:
    admin = deals.client(tenant.admin)
    await define(admin, "seats", "NUMBER", required=True)
    await define(admin, "plan", "SELECT", options=["basic", "pro"])
    require_problem(await admin.post("/v1/deals", json={"name": "Acme"}), 422, "invalid-field", "/custom_data/seats")
    wrong = {"seats": "some", "plan": "free", "nothing": 1}
    answer = await admin.post("/v1/deals", json={"name": "Acme", "custom_data": wrong})
    require_problem(answer, 422, "unknown-custom-field", *(f"/custom_data/{key}" for key in wrong))

    deal = require_ok(
        await admin.post("/v1/deals", json={"name": "Acme", "custom_data": {"seats": 12.5, "plan": "pro"}}), 201
    )
    assert deal["custom_data"] == {"seats": "12.5", "plan": "pro"}
    path = f"/v1/deals/{deal['id']}"
    idle = require_ok(await admin.patch(path, json={"custom_data": {"seats": "12.50"}}))
    assert idle["version"] == 1
    edited = require_ok(await admin.patch(path, json={"name": "Acme 2", "custom_data": {"plan": None}}))
    assert (edited["version"], edited["custom_data"]) == (2, {"seats": "12.5"})
    require_problem(
        await admin.patch(path, json={"custom_data": {"seats": None}}), 422, "invalid-field", "/custom_data/seats"
    )
    published = [event for event in await deals.take_events(tenant.id) if event.aggregate == "deal"]
    assert [event.state["custom_data"] for event in published] == [deal["custom_data"], {"seats": "12.5"}]
    require_problem(
        await admin.post(
            "/v1/custom-fields", json={"entity_type": "CONTACT", "key": "x", "label": "x", "field_type": "TEXT"}
        ),
        422,
        "invalid-field",
        "/entity_type",
    )


@pytest.mark.parametrize("limit", [1, 200])
async def test_a_list_of_deals_filters_and_sorts(deals: Deals, tenant: SeededTenant, limit: int) -> None:
    admin = deals.client(tenant.admin)
    await define(admin, "seats", "NUMBER")
    for name, custom_data in (("a", {"seats": 10}), ("b", {}), ("c", {"seats": "2.5"}), ("d", {"seats": -1})):
        require_ok(await admin.post("/v1/deals", json={"name": name, "custom_data": custom_data}), 201)

    async def named(**parameters: str) -> str:
        rows = await walk_pages(admin, "/v1/deals", limit=limit, **parameters)
        return "".join(row["name"] for row in rows)

    assert await named(sort="cf_seats") == "dcab"
    assert await named(sort="-cf_seats") == "acdb"
    assert await named(sort="name", **{"cf_seats.gte": "2.5"}) == "ac"
    assert await named(cf_seats="-1.0") == "d"
    require_problem(await admin.get("/v1/deals", params={"cf_no": "1"}), 422, "invalid-field", "?cf_no")


async def test_the_worker_builds_indexes_and_removes_deleted_values(deals: Deals, tenant: SeededTenant) -> None:
    admin = deals.client(tenant.admin)
    field = await define(admin, "seats", "NUMBER", indexed=True)
    deal = require_ok(await admin.post("/v1/deals", json={"name": "Acme", "custom_data": {"seats": 3}}), 201)
    await deals.take_events(tenant.id)
    settings = deals.settings.model_copy(update={"custom_field_check_s": 0.02})

    async def is_ready() -> bool:
        return bool(require_ok(await admin.get(f"/v1/custom-fields/{field['id']}"))["index_state"] == "READY")

    async def is_cleaned() -> bool:
        shown = require_ok(await admin.get(f"/v1/deals/{deal['id']}"))
        assert shown["custom_data"] == {}
        return bool(shown["version"] == 2)

    async with maintaining_custom_fields(settings, deals.database, RECORD_ADAPTERS, SystemClock()):
        await wait_until(is_ready)
        assert (await admin.delete(f"/v1/custom-fields/{field['id']}")).status_code == 204
        await wait_until(is_cleaned)
    (published,) = await deals.take_events(tenant.id)
    assert (published.type, published.version, published.state["custom_data"]) == ("crm.deal.updated", 2, {})
