"""PUT and GET /v1/exchange-rates."""

from typing import Any

import pytest

from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/exchange-rates"
DOLLARS = {"currency": "USD", "effective_on": "2026-11-01", "rate": "0.9215"}


async def test_a_rate_is_set_changed_and_left_alone(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    first = await admin.put(URL, json=DOLLARS)
    body = require_ok(first)
    assert {name: body[name] for name in DOLLARS} == DOLLARS
    assert (body["base_currency"], body["version"], first.headers["etag"]) == ("EUR", 1, '"1"')
    assert first.headers["crm-position"]

    assert require_ok(await admin.put(URL, json={**DOLLARS, "rate": 0.9215})) == body
    changed = require_ok(await admin.put(URL, json={**DOLLARS, "rate": "0.93"}))
    assert (changed["id"], changed["version"], changed["rate"]) == (body["id"], 2, "0.93")


async def test_all_read_and_only_an_admin_writes(reporting: Reporting, tenant: SeededTenant) -> None:
    require_ok(await reporting.client(tenant.admin).put(URL, json=DOLLARS))
    stranger = (await reporting.seed_tenant()).admin
    for person in (tenant.manager, tenant.rep, tenant.other_rep):
        require_problem(await reporting.client(person).put(URL, json={**DOLLARS, "rate": "1"}), 403, "forbidden")
        items = require_ok(await reporting.client(person).get(URL))["items"]
        assert [item["rate"] for item in items] == ["0.9215"]
    assert require_ok(await reporting.client(stranger).get(URL))["items"] == []


async def test_a_list_is_walked_newest_first_or_by_day(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    days = ["2026-11-03", "2026-11-01", "2026-11-02"]
    for day in days:
        require_ok(await admin.put(URL, json={**DOLLARS, "effective_on": day}))
    require_ok(await admin.put(URL, json={**DOLLARS, "currency": "GBP"}))

    newest = await walk_pages(admin, URL, limit=1, currency="USD")
    assert [item["effective_on"] for item in newest] == days[::-1]
    by_day = await walk_pages(admin, URL, limit=2, currency="USD", sort="effective_on")
    assert [item["effective_on"] for item in by_day] == sorted(days)
    assert len(await walk_pages(admin, URL)) == 4


async def test_rates_to_a_former_base_are_listed_and_can_be_left_out(
    reporting: Reporting, tenant: SeededTenant
) -> None:
    admin = reporting.client(tenant.admin)
    require_ok(await admin.put(URL, json=DOLLARS))
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute("UPDATE directory_tenants SET base_currency = 'CHF' WHERE tenant_id = $1", tenant.id)
    require_ok(await admin.put(URL, json={**DOLLARS, "currency": "EUR"}))
    for parameters, expected in (
        ({}, [("EUR", "CHF"), ("USD", "EUR")]),
        ({"base_currency": "CHF"}, [("EUR", "CHF")]),
        ({"base_currency": "EUR"}, [("USD", "EUR")]),
        ({"base_currency": "EUR", "currency": "GBP"}, []),
    ):
        items = await walk_pages(admin, URL, limit=1, **parameters)
        assert [(item["currency"], item["base_currency"]) for item in items] == expected


async def test_a_rate_set_by_mistake_is_deleted(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    before = require_ok(await admin.put(URL, json={**DOLLARS, "effective_on": "2026-10-01"}))
    mistake = require_ok(await admin.put(URL, json={**DOLLARS, "rate": "92.15"}))
    path = f"{URL}/{mistake['id']}"
    for person in (tenant.manager, tenant.rep):
        require_problem(await reporting.client(person).delete(path), 403, "forbidden")
    require_problem(await admin.delete(path, headers={"If-Match": '"7"'}), 412, "stale-version")
    stranger = reporting.client((await reporting.seed_tenant()).admin)
    require_problem(await stranger.delete(path), 404, "not-found")
    assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    require_problem(await admin.delete(path), 404, "not-found")
    assert require_ok(await admin.get(URL))["items"] == [before]
    # Set right, it is a rate like any other.
    assert require_ok(await admin.put(URL, json=DOLLARS))["version"] == 1


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "EUR"}, "/currency"),
        ({"currency": "usd"}, "/currency"),
        ({"currency": None}, "/currency"),
        ({"effective_on": "2026-02-30"}, "/effective_on"),
        ({"rate": "0"}, "/rate"),
        ({"rate": "-1"}, "/rate"),
        ({"rate": "NaN"}, "/rate"),
        ({"rate": True}, "/rate"),
        ({"rate": "0.1234567890123"}, "/rate"),
        ({"base_currency": "CHF"}, "/base_currency"),
    ],
)
async def test_bad_fields_are_named(
    reporting: Reporting, tenant: SeededTenant, changes: dict[str, Any], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).put(URL, json={**DOLLARS, **changes})
    require_problem(answer, 422, "invalid-field", pointer)


async def test_bad_bodies_and_parameters(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    json_type = {"content-type": "application/json"}
    require_problem(await admin.put(URL, content=b"{", headers=json_type), 400, "malformed-request")
    require_problem(await admin.put(URL, content=b"{}", headers={"content-type": "text/plain"}), 415)
    require_problem(await admin.put(URL, json={}), 422, "invalid-field", "/currency", "/effective_on", "/rate")
    require_problem(await admin.get(URL, params={"cursor": "x"}), 422, "invalid-field", "?cursor")
    require_problem(await admin.get(URL, params={"sort": "rate"}), 422, "invalid-field", "?sort")
    require_problem(await admin.get(URL, params={"base": "x"}), 422, "invalid-field", "?base")
    require_problem(await reporting.client_with("Bearer x").get(URL), 401, "unauthenticated")
