"""Companies by their names alone: found in the caller's sight, else made, each once however often it is asked for."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from crm_contacts.imports import missing_companies
from crm_contacts.imports.company_names import find_companies
from crm_contacts.settings import ContactsSettings
from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.features.imports.references import NameKey
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

URL = "/v1/companies/find-or-create"


async def test_each_name_is_found_or_made_once(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> None:
    rep, other = contacts.client(tenant.rep), contacts.client(tenant.other_rep)
    known = require_ok(await rep.post("/v1/companies", json={"name": "Known Ltd", "domain": "known.example"}), 201)
    colleagues = require_ok(await other.post("/v1/companies", json={"name": "Theirs", "domain": "theirs.example"}), 201)
    names = ["KNOWN ltd", "https://known.example/about", "New  AG", "new ag", "Theirs", "theirs.example", "x" * 300, 7]
    answer = await rep.post(URL, json={"items": names})
    items = require_ok(answer, 207)["items"]
    assert [item["status"] for item in items] == [200, 200, 201, 200, 201, 422, 422, 422]
    assert [item["index"] for item in items] == list(range(8))
    assert items[0]["company"] == items[1]["company"] == known
    assert items[2]["company"]["name"] == "New AG"
    assert items[2]["company"]["id"] == items[3]["company"]["id"]
    assert items[4]["company"]["owner_id"] == str(tenant.rep.id)
    assert items[4]["company"]["id"] != colleagues["id"]
    assert "colleague" in items[5]["problem"]["detail"]
    assert "at most 255" in items[6]["problem"]["detail"]
    assert answer.headers["crm-position"]
    again = require_ok(await rep.post(URL, json={"items": names}), 207)["items"]
    assert [item["status"] for item in again[:5]] == [200] * 5
    assert again[2]["company"]["id"] == items[2]["company"]["id"]


async def test_a_domain_is_one_company_however_it_is_written(
    contacts: ServiceKit[ContactsSettings], tenant: SeededTenant
) -> None:
    rep = contacts.client(tenant.rep)
    written = ["two.example", "https://two.example/about", "WWW.two.example"]
    for statuses in ([201, 200, 200], [200, 200, 200]):
        items = require_ok(await rep.post(URL, json={"items": written}), 207)["items"]
        assert [item["status"] for item in items] == statuses
        assert {item["company"]["name"] for item in items} == {"two.example"}


async def test_spaces_are_no_name(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> None:
    rep = contacts.client(tenant.rep)
    items = require_ok(await rep.post(URL, json={"items": ["  ", "\u3000", "\u200b"]}), 207)["items"]
    assert [item["status"] for item in items] == [422] * 3
    assert require_ok(await rep.get("/v1/companies"))["items"] == []


async def test_what_is_deleted_while_it_is_looked_for_is_its_items_refusal(
    contacts: ServiceKit[ContactsSettings], tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rep = contacts.client(tenant.rep)
    gone = require_ok(await rep.post("/v1/companies", json={"name": "Gone Ltd"}), 201)

    async def find_and_lose(connection: Connection, caller: Caller, keys: Iterable[NameKey]) -> Mapping[NameKey, Any]:
        found = await find_companies(connection, caller, keys)
        assert (await rep.delete(f"/v1/companies/{gone['id']}")).status_code == 204
        return found

    monkeypatch.setattr(missing_companies, "find_companies", find_and_lose)
    items = require_ok(await rep.post(URL, json={"items": ["Gone Ltd", "Stays Ltd"]}), 207)["items"]
    assert [item["status"] for item in items] == [422, 201]
    assert "meanwhile" in items[0]["problem"]["detail"]


async def test_two_that_ask_at_once_get_one(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> None:
    rep = contacts.client(tenant.rep)
    answers = await asyncio.gather(*(rep.post(URL, json={"items": ["Both SE"]}) for _ in range(4)))
    made = [require_ok(answer, 207)["items"][0] for answer in answers]
    assert sorted(item["status"] for item in made) == [200, 200, 200, 201]
    assert len({item["company"]["id"] for item in made}) == 1


async def test_what_is_asked_must_be_a_list(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> None:
    rep = contacts.client(tenant.rep)
    require_problem(await rep.post(URL, json={"items": []}), 422, "invalid-field", "/items")
    require_problem(await rep.post(URL, json={"items": ["a"] * 1001}), 422, "invalid-field", "/items")
