"""What GET answers of contacts, companies, users, the tenant and custom fields may be sent back by PATCH."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.people import SeededTenant
from crm_testing.sent_back import list_patched, list_read_only, require_taken_back, require_taken_back_in_a_batch
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Kit = ServiceKit[ContactsSettings]
RECORDS: Final[Mapping[str, tuple[Mapping[str, Any] | None, Mapping[str, Any]]]] = {
    "/contacts/{contact_id}": (
        {"first_name": "Zoë", "email": "Zoe@Engine.example", "phone": "030 123456", "tags": ["b", "a"]},
        {"job_title": "Engineer"},
    ),
    "/companies/{company_id}": (
        {"name": "Engine Inc", "domain": "Engine.example"},
        {"industry": "Engines"},
    ),
    "/users/{user_id}": ({"email": "new@engine.example", "full_name": "New", "role": "REP"}, {"full_name": "Newer"}),
    "/custom-fields/{field_id}": (
        {"entity_type": "CONTACT", "key": "colour", "label": "Colour", "field_type": "TEXT"},
        {"label": "Color"},
    ),
    "/tenant": (None, {"name": "Other"}),
}


def test_every_record_that_is_patched_is_tried(contacts: Kit) -> None:
    assert list_patched(contacts.app) == RECORDS.keys()


@pytest.mark.parametrize("template", RECORDS)
async def test_what_get_answers_is_taken_back(contacts: Kit, tenant: SeededTenant, template: str) -> None:
    created, change = RECORDS[template]
    admin, path = contacts.client(tenant.admin), f"/v1/{template.split('/')[1]}"
    if created is not None:
        path += f"/{require_ok(await admin.post(path, json=created), 201)['id']}"
    await require_taken_back(admin, path, list_read_only(contacts.app, template), change)


@pytest.mark.parametrize("template", ["/contacts/{contact_id}", "/companies/{company_id}"])
async def test_items_of_a_batch_take_it_back_too(contacts: Kit, tenant: SeededTenant, template: str) -> None:
    created, change = RECORDS[template]
    admin, path = contacts.client(tenant.admin), f"/v1/{template.split('/')[1]}"
    path += f"/{require_ok(await admin.post(path, json=created), 201)['id']}"
    await require_taken_back_in_a_batch(admin, path, list_read_only(contacts.app, template), change)


async def test_an_item_that_is_found_by_its_address_is_compared_with_that_record(
    contacts: Kit, tenant: SeededTenant
) -> None:
    rep = contacts.client(tenant.rep)
    contact = require_ok(await rep.post("/v1/contacts", json={"email": "ada@engine.example"}), 201)
    items = [{"email": "ada@engine.example", "version": version, "job_title": "Engineer"} for version in (7, 1)]
    batch = {"mode": "update", "id_property": "email", "items": items}
    answer = require_ok(await rep.post("/v1/contacts/batch", json=batch), 207)
    assert [item["status"] for item in answer["items"]] == [422, 200]
    assert require_ok(await rep.get(f"/v1/contacts/{contact['id']}"))["job_title"] == "Engineer"


async def test_an_upsert_takes_what_a_creation_takes(contacts: Kit, tenant: SeededTenant) -> None:
    """It may have to create the record, of which nothing read-only can be said."""
    rep = contacts.client(tenant.rep)
    require_ok(await rep.post("/v1/contacts", json={"email": "ada@engine.example"}), 201)
    batch = {"mode": "upsert", "items": [{"email": "ada@engine.example", "version": 1}]}
    [item] = require_ok(await rep.post("/v1/contacts/batch", json=batch), 207)["items"]
    assert (item["status"], item["problem"]["errors"][0]["pointer"]) == (422, "/version")


async def test_who_may_never_change_it_hears_so_first(contacts: Kit, tenant: SeededTenant) -> None:
    rep, path = contacts.client(tenant.rep), f"/v1/users/{tenant.rep.id}"
    for body in ({"version": 99}, {"version": 1, "full_name": "X"}):
        assert (await rep.patch(path, json=body)).status_code == 403


async def test_what_is_out_of_sight_is_not_compared(contacts: Kit, tenant: SeededTenant) -> None:
    hidden = require_ok(await contacts.client(tenant.other_rep).post("/v1/contacts", json={"first_name": "Ada"}), 201)
    answer = await contacts.client(tenant.rep).patch(f"/v1/contacts/{hidden['id']}", json=hidden)
    assert answer.status_code == 404


async def test_a_version_that_is_named_decides_first(contacts: Kit, tenant: SeededTenant) -> None:
    rep = contacts.client(tenant.rep)
    contact = require_ok(await rep.post("/v1/contacts", json={"first_name": "Ada"}), 201)
    path = f"/v1/contacts/{contact['id']}"
    for if_match, status in [('"7"', 412), ('"1"', 200), ("*", 200)]:
        answer = await rep.patch(path, json=contact, headers={"If-Match": if_match})
        assert answer.status_code == status, if_match


async def test_a_stale_record_with_its_old_version_named_is_stale(contacts: Kit, tenant: SeededTenant) -> None:
    """Its `version` and `updated_at` are not what the record has now either: what If-Match says is heard first."""
    rep = contacts.client(tenant.rep)
    contact = require_ok(await rep.post("/v1/contacts", json={"first_name": "Ada"}), 201)
    path = f"/v1/contacts/{contact['id']}"
    require_ok(await rep.patch(path, json={"job_title": "Engineer"}))
    answer = await rep.patch(path, json={**contact, "first_name": "Eve"}, headers={"If-Match": '"1"'})
    require_problem(answer, 412, "stale-version")
    assert require_ok(await rep.get(path))["first_name"] == "Ada"


@pytest.mark.parametrize("value", [True, "1", [1], None])
async def test_a_value_of_another_kind_is_another(contacts: Kit, tenant: SeededTenant, value: object) -> None:
    rep = contacts.client(tenant.rep)
    contact = require_ok(await rep.post("/v1/contacts", json={"first_name": "Ada"}), 201)
    answer = await rep.patch(f"/v1/contacts/{contact['id']}", json={"version": value})
    require_problem(answer, 422, "invalid-field", "/version")
