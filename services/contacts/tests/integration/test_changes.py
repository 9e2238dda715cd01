"""The audit of contacts and companies: each version by who made it, when, and what it changed."""

from typing import Any
from uuid import uuid4

import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok, require_problem, walk_pages
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines
Contacts = ServiceKit[ContactsSettings]


async def _create(contacts: Contacts, tenant: SeededTenant, **fields: Any) -> dict[str, Any]:
    body = {"first_name": "Zoë", "last_name": "Okonkwo", **fields}
    return require_ok(await contacts.client(tenant.rep).post("/v1/contacts", json=body), 201)


async def test_each_change_tells_who_when_and_what(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await _create(contacts, tenant)
    path = f"/v1/contacts/{contact['id']}"
    edited = require_ok(await contacts.client(tenant.manager).patch(path, json={"last_name": "Adeyemi"}))
    require_ok(await contacts.client(tenant.rep).put(f"{path}/tags/key"))
    found = require_ok(await contacts.client(tenant.rep).get(f"{path}/changes"))["items"]
    assert [(item["version"], item["event_type"], item["changed_by"]) for item in found] == [
        (3, "crm.contact.updated", str(tenant.rep.id)),
        (2, "crm.contact.updated", str(tenant.manager.id)),
        (1, "crm.contact.created", str(tenant.rep.id)),
    ]
    assert [item["changes"] for item in found] == [
        {"tags": {"from": [], "to": ["key"]}},
        {"last_name": {"from": "Okonkwo", "to": "Adeyemi"}},
        None,
    ]
    assert found[1]["changed_at"] == edited["updated_at"]


async def test_a_change_that_is_refused_leaves_no_trace(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await _create(contacts, tenant)
    path = f"/v1/contacts/{contact['id']}"
    require_problem(
        await contacts.client(tenant.rep).patch(path, json={"company_id": str(uuid4()), "job_title": "CEO"}), 422
    )
    require_ok(await contacts.client(tenant.rep).patch(path, json={"last_name": "Okonkwo"}))  # as it was
    assert len(await walk_pages(contacts.client(tenant.rep), f"{path}/changes")) == 1


async def test_pages_cover_the_whole_trail(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await _create(contacts, tenant)
    path = f"/v1/contacts/{contact['id']}"
    for number in range(6):
        require_ok(await contacts.client(tenant.rep).patch(path, json={"job_title": f"Job {number}"}))
    items = await walk_pages(contacts.client(tenant.rep), f"{path}/changes", limit=3)
    assert [item["version"] for item in items] == [7, 6, 5, 4, 3, 2, 1]


async def test_who_can_not_see_the_record_does_not_see_its_changes(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await _create(contacts, tenant)
    path = f"/v1/contacts/{contact['id']}/changes"
    stranger = await contacts.seed_tenant()
    require_problem(await contacts.client(tenant.other_rep).get(path), 404, "not-found")
    require_problem(await contacts.client(stranger.admin).get(path), 404, "not-found")
    require_problem(await contacts.client(tenant.admin).get(f"/v1/contacts/{uuid4()}/changes"), 404, "not-found")


async def test_the_trail_of_a_deleted_record_is_the_admins(contacts: Contacts, tenant: SeededTenant) -> None:
    contact = await _create(contacts, tenant)
    path = f"/v1/contacts/{contact['id']}"
    assert (await contacts.client(tenant.rep).delete(path)).status_code == 204
    require_problem(await contacts.client(tenant.rep).get(f"{path}/changes"), 404, "not-found")
    items = require_ok(await contacts.client(tenant.admin).get(f"{path}/changes"))["items"]
    assert [item["event_type"] for item in items] == ["crm.contact.deleted", "crm.contact.created"]


async def test_companies_have_a_trail_too(contacts: Contacts, tenant: SeededTenant) -> None:
    client = contacts.client(tenant.rep)
    company = require_ok(await client.post("/v1/companies", json={"name": "Acme"}), 201)
    path = f"/v1/companies/{company['id']}"
    require_ok(await client.patch(path, json={"name": "Acme Corp"}))
    items = require_ok(await client.get(f"{path}/changes"))["items"]
    assert items[0]["changes"] == {"name": {"from": "Acme", "to": "Acme Corp"}}
