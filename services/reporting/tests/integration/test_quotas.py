"""PUT, GET and DELETE /v1/quotas."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from crm_reporting.consumers import keep_directory
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.owners import OwnerStandIn, path_of
from crm_testing.people import JOINED_AT, Person, SeededTenant, publish_user
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/quotas"


def quota_of(person: Person, month: str = "2026-11", amount: Any = "12500.00", **more: Any) -> dict[str, Any]:
    return {"user_id": str(person.id), "month": month, "amount": amount, **more}


async def test_a_quota_is_set_changed_and_left_alone(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    first = await admin.put(URL, json=quota_of(tenant.rep))
    body = require_ok(first)
    assert {name: body[name] for name in ("user_id", "month", "amount", "currency", "version")} == {
        **quota_of(tenant.rep),
        "currency": "EUR",
        "version": 1,
    }
    assert first.headers["etag"] == '"1"'
    assert first.headers["crm-position"]

    assert require_ok(await admin.put(URL, json=quota_of(tenant.rep, amount=12500, currency="EUR"))) == body
    changed = require_ok(await admin.put(URL, json=quota_of(tenant.rep, amount=0.1)))
    assert (changed["id"], changed["version"], changed["amount"]) == (body["id"], 2, "0.10")
    in_yen = await admin.put(URL, json=quota_of(tenant.rep, amount="0", currency="JPY"))
    assert (in_yen.headers["etag"], in_yen.json()["amount"], in_yen.json()["currency"]) == ('"3"', "0", "JPY")
    assert in_yen.json()["created_at"] == body["created_at"]

    for month in ("1900-01", "2200-12"):
        assert require_ok(await admin.put(URL, json=quota_of(tenant.rep, month)))["month"] == month


async def test_only_an_admin_writes_and_each_reads_whom_they_see(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    written = [require_ok(await admin.put(URL, json=quota_of(person))) for person in tenant.people]
    for person in (tenant.manager, tenant.rep, tenant.other_rep):
        answer = await reporting.client(person).put(URL, json=quota_of(person, amount="1"))
        assert require_problem(answer, 403, "forbidden")["detail"] == "Only an ADMIN may write quotas."

    async def read(person: Person, **parameters: Any) -> list[dict[str, Any]]:
        return await walk_pages(reporting.client(person), URL, limit=1, sort="created_at", **parameters)

    of_admin, of_manager, of_rep, of_other = written
    assert await read(tenant.admin) == written
    assert await read(tenant.manager) == [of_manager, of_rep]
    assert await read(tenant.rep) == [of_rep]
    assert await read(tenant.other_rep) == [of_other]
    named = [str(tenant.rep.id), str(tenant.other_rep.id)]
    assert await read(tenant.admin, user_id=named) == [of_rep, of_other]
    assert await read(tenant.manager, user_id=named) == [of_rep]
    assert await read(tenant.other_rep, user_id=str(tenant.rep.id)) == []
    assert of_admin not in await read(tenant.manager, month="2026-11")
    stranger = (await reporting.seed_tenant()).admin
    assert await read(stranger) == []
    assert await read(stranger, user_id=named) == []


async def test_a_list_is_filtered_by_months_and_walked_in_either_order(
    reporting: Reporting, tenant: SeededTenant
) -> None:
    admin = reporting.client(tenant.admin)
    months = ["2026-12", "2026-10", "2027-01", "2026-11"]
    for month in months:
        for person in (tenant.rep, tenant.other_rep):
            require_ok(await admin.put(URL, json=quota_of(person, month)))

    async def read(person: Person = tenant.admin, *, since: str | None = None, **parameters: Any) -> list[str]:
        window = {} if since is None else {"from": since}
        items = await walk_pages(reporting.client(person), URL, limit=3, **parameters, **window)
        return [item["month"] for item in items]

    twice = [month for month in sorted(months) for _ in range(2)]
    assert await read(sort="month") == twice
    assert await read(sort="-month") == twice[::-1]
    assert await read() == [month for month in months[::-1] for _ in range(2)]
    for person in (tenant.rep, tenant.manager):
        assert await read(person, sort="month") == sorted(months)
        assert await read(person, sort="-created_at") == months[::-1]
    assert await read(month="2026-11") == ["2026-11"] * 2
    assert await read(sort="month", since="2026-10", to="2026-11") == twice[:4]
    assert await read(sort="month", since="2026-12") == twice[4:]
    assert await read(sort="month", to="2026-10", user_id=str(tenant.rep.id)) == ["2026-10"]
    assert await read(month="2026-11", to="2026-10") == []


async def test_a_quota_is_deleted_and_can_be_set_anew(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    kept = require_ok(await admin.put(URL, json=quota_of(tenant.rep, "2026-10")))
    mistake = require_ok(await admin.put(URL, json=quota_of(tenant.rep, "2026-11")))
    path = f"{URL}/{mistake['id']}"
    for person in (tenant.manager, tenant.rep):
        require_problem(await reporting.client(person).delete(path), 403, "forbidden")
    require_problem(await admin.delete(path, headers={"If-Match": '"7"'}), 412, "stale-version")
    stranger = reporting.client((await reporting.seed_tenant()).admin)
    require_problem(await stranger.delete(path), 404, "not-found")
    require_problem(await admin.delete(f"{URL}/november"), 404)
    assert (await admin.delete(path, headers={"If-Match": '"1"'})).status_code == 204
    require_problem(await admin.delete(path), 404, "not-found")
    assert require_ok(await admin.get(URL))["items"] == [kept]
    anew = require_ok(await admin.put(URL, json=quota_of(tenant.rep, "2026-11")))
    assert anew["version"] == 1
    assert anew["id"] != mistake["id"]


async def test_a_quota_stays_when_its_user_leaves_or_changes_manager(
    reporting: Reporting, tenant: SeededTenant
) -> None:
    admin = reporting.client(tenant.admin)
    before = require_ok(await admin.put(URL, json=quota_of(tenant.rep)))
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, manager_id=None)
    await keep_directory([left], reporting.database)

    assert require_ok(await admin.get(URL))["items"] == [before]
    assert require_ok(await reporting.client(tenant.manager).get(URL))["items"] == []
    require_ok(await admin.put(URL, json=quota_of(tenant.rep, "2026-10")))
    assert len(await walk_pages(admin, URL, user_id=str(tenant.rep.id))) == 2


async def test_a_user_must_be_one_of_the_tenant(
    reporting: Reporting, tenant: SeededTenant, owners: OwnerStandIn
) -> None:
    admin = reporting.client(tenant.admin)
    stranger = (await reporting.seed_tenant()).rep
    for user_id in (stranger.id, new_id()):
        answer = await admin.put(URL, json={**quota_of(tenant.rep), "user_id": str(user_id)})
        require_problem(answer, 422, "unknown-reference", "/user_id")

    # One who joined a moment ago: no event has come yet, and contacts knows.
    fresh = new_id()
    owners.records[path_of("user", fresh)] = {
        "id": str(fresh),
        "version": 1,
        "email": "nell.new@example.com",
        "full_name": "Nell New",
        "role": "REP",
        "manager_id": None,
        "active": True,
        "time_zone": None,
        "created_at": JOINED_AT.isoformat(),
        "updated_at": (JOINED_AT + timedelta(hours=1)).isoformat(),
    }
    body = require_ok(await admin.put(URL, json={**quota_of(tenant.rep), "user_id": str(fresh)}))
    assert body["user_id"] == str(fresh)


async def test_quotas_set_at_once_end_as_one(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    amounts = ["1.00", "2.00"] * 8
    answers = await asyncio.gather(*(admin.put(URL, json=quota_of(tenant.rep, amount=amount)) for amount in amounts))
    bodies = [require_ok(answer) for answer in answers]

    [last] = require_ok(await admin.get(URL))["items"]
    assert {body["id"] for body in bodies} == {last["id"]}
    # Each answers what it wrote or found, and no version was two amounts.
    assert [body["amount"] for body in bodies] == amounts
    amount_by_version = {body["version"]: body["amount"] for body in bodies}
    assert all(amount_by_version[body["version"]] == body["amount"] for body in bodies)
    assert sorted(amount_by_version) == list(range(1, last["version"] + 1))
    assert amount_by_version[last["version"]] == last["amount"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"user_id": "rae"}, "/user_id"),
        ({"user_id": None}, "/user_id"),
        ({"month": "2026-13"}, "/month"),
        ({"month": "2026-1"}, "/month"),
        ({"month": "2026-11-01"}, "/month"),
        ({"month": "\u0662\u0660\u0662\u0666-11"}, "/month"),
        ({"month": "0000-01"}, "/month"),
        ({"month": "1899-12"}, "/month"),
        ({"month": "2201-01"}, "/month"),
        ({"month": 202611}, "/month"),
        ({"month": None}, "/month"),
        ({"amount": "-0.01"}, "/amount"),
        ({"amount": "0.001"}, "/amount"),
        ({"amount": "10000000000000.01"}, "/amount"),
        ({"amount": "NaN"}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"amount": None}, "/amount"),
        ({"amount": "1.5", "currency": "JPY"}, "/amount"),
        ({"currency": "eur"}, "/currency"),
        ({"currency": "XAU"}, "/currency"),
        ({"year": 2026}, "/year"),
    ],
)
async def test_bad_fields_are_named(
    reporting: Reporting, tenant: SeededTenant, changes: dict[str, Any], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).put(URL, json={**quota_of(tenant.rep), **changes})
    require_problem(answer, 422, "invalid-field", pointer)


async def test_bad_bodies_and_parameters(reporting: Reporting, tenant: SeededTenant) -> None:
    admin = reporting.client(tenant.admin)
    json_type = {"content-type": "application/json"}
    require_problem(await admin.put(URL, content=b"{", headers=json_type), 400, "malformed-request")
    require_problem(await admin.put(URL, json={}), 422, "invalid-field", "/user_id", "/month", "/amount")
    for parameters, pointer in (
        ({"cursor": "x"}, "?cursor"),
        ({"sort": "amount"}, "?sort"),
        ({"month": "november"}, "?month"),
        ({"from": "2026-00"}, "?from"),
        ({"to": "2201-01"}, "?to"),
        ({"from": "2026-11", "to": "2026-10"}, "?from"),
        ({"user_id": "rae"}, "?user_id"),
        ({"owner_id": str(tenant.rep.id)}, "?owner_id"),
        ({"from_": "2026-11"}, "?from_"),
    ):
        require_problem(await admin.get(URL, params=parameters), 422, "invalid-field", pointer)
    assert require_ok(await admin.get(URL, params={"from": "2026-11", "to": "2026-11"}))["items"] == []
    require_problem(await reporting.client_with("Bearer x").get(URL), 401, "unauthenticated")
