"""`<field>.empty=true|false`: of each field that a list filters by, custom ones too."""

from collections.abc import Mapping
from typing import Any

import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Contacts = ServiceKit[ContactsSettings]

KINDS = {"note": "TEXT", "size": "NUMBER", "born": "DATE", "tier": "SELECT", "likes": "MULTI_SELECT"}
NO_FIELDS = {"limit", "cursor", "sort", "updated_since", "q", "deleted"}
VALUES = {"note": "x", "size": "1", "born": "2021-03-12", "tier": "gold", "likes": ["gold"]}
OPTIONAL = {
    "contacts": ("company_id", "source", "tag", "email", "phone", "external_id", *(f"cf_{key}" for key in KINDS)),
    "companies": ("domain", "industry", "tag"),
}


async def find(contacts: Contacts, tenant: SeededTenant, collection: str, **parameters: Any) -> set[str]:
    answer = require_ok(await contacts.client(tenant.admin).get(f"/v1/{collection}", params=parameters))
    return {item["id"] for item in answer["items"]}


@pytest.fixture
async def records(contacts: Contacts, tenant: SeededTenant) -> Mapping[str, tuple[str, str]]:
    """By collection: a record with a value in every field, and one with none."""
    client = contacts.client(tenant.admin)
    for key, kind in KINDS.items():
        options = {"options": ["gold"]} if "SELECT" in kind else {}
        body = {"entity_type": "CONTACT", "key": key, "label": key, "field_type": kind, **options}
        require_ok(await client.post("/v1/custom-fields", json=body), 201)
    company = {"name": "Full", "domain": "full.example", "industry": "Steel", "tags": ["x"]}
    full = require_ok(await client.post("/v1/companies", json=company), 201)["id"]
    bare = require_ok(await client.post("/v1/companies", json={"name": "Bare"}), 201)["id"]
    contact = {"first_name": "Full", "company_id": full, "source": "INBOUND", "tags": ["x"], "phone": "12",
               "email": "full@a.example", "external_id": "1", "custom_data": VALUES}  # fmt: skip
    person = require_ok(await client.post("/v1/contacts", json=contact), 201)["id"]
    stranger = require_ok(await client.post("/v1/contacts", json={"first_name": "Bare"}), 201)["id"]
    return {"companies": (full, bare), "contacts": (person, stranger)}


async def test_a_field_without_a_value_is_found_by_it(
    contacts: Contacts, tenant: SeededTenant, records: Mapping[str, tuple[str, str]]
) -> None:
    for collection, names in OPTIONAL.items():
        full, bare = records[collection]
        for name in names:
            assert await find(contacts, tenant, collection, **{f"{name}.empty": "true"}) == {bare}, name
            assert await find(contacts, tenant, collection, **{f"{name}.empty": "false"}) == {full}, name
        both = {f"{name}.empty": "true" for name in names}
        assert await find(contacts, tenant, collection, **both, sort="name") == {bare}
        assert await find(contacts, tenant, collection, **{"owner_id.empty": "true"}) == set()
        assert await find(contacts, tenant, collection, **{"owner_id.empty": "false"}) == {full, bare}
    assert await find(contacts, tenant, "contacts", **{"cf_tier.empty": "true", "sort": "cf_tier"}) == {
        records["contacts"][1]
    }
    text = (await contacts.client(tenant.admin).get("/v1/exports/contacts.csv", params={"email.empty": "true"})).text
    assert (records["contacts"][1] in text, records["contacts"][0] in text) == (True, False)


async def test_users_without_a_manager_are_found(contacts: Contacts, tenant: SeededTenant) -> None:
    everybody = await find(contacts, tenant, "users")
    lone = await find(contacts, tenant, "users", **{"manager_id.empty": "true"})

    assert str(tenant.rep.id) not in lone
    assert str(tenant.admin.id) in lone
    assert await find(contacts, tenant, "users", **{"manager_id.empty": "false"}) == everybody - lone
    for name in ("email", "role", "active"):
        assert await find(contacts, tenant, "users", **{f"{name}.empty": "false"}) == everybody
        assert await find(contacts, tenant, "users", **{f"{name}.empty": "true"}) == set()


@pytest.mark.parametrize("value", ["", "1", "yes", "TRUE", "null"])
@pytest.mark.parametrize("name", ["email.empty", "cf_note.empty"])
async def test_anything_but_true_and_false_names_the_parameter(
    contacts: Contacts, tenant: SeededTenant, records: Mapping[str, tuple[str, str]], name: str, value: str
) -> None:
    client = contacts.client(tenant.rep)

    require_problem(await client.get("/v1/contacts", params={name: value}), 422, "invalid-field", f"?{name}")
    assert records


async def test_only_fields_that_filter_take_it(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)

    for name in ("q.empty", "sort.empty", "nothing.empty", "cf_nothing.empty"):
        require_problem(await client.get("/v1/contacts", params={name: "true"}), 422, "invalid-field", f"?{name}")
    document = require_ok(await client.get("/openapi.json"))
    for path in ("/v1/contacts", "/v1/companies", "/v1/users"):
        documented = {one["name"] for one in document["paths"][path]["get"]["parameters"]}
        filters = (
            documented
            - {name for name in documented if "." in name}
            - {"limit", "cursor", "sort", "updated_since", "q", "deleted"}
        )
        assert filters == {name.removesuffix(".empty") for name in documented if name.endswith(".empty")}, path
