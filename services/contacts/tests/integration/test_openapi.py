"""The OpenAPI document and the running service say the same, whatever is sent."""

import pytest

from crm_contacts.settings import ContactsSettings
from crm_testing.answers import require_ok
from crm_testing.openapi_calls import call_all
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_answers_are_as_documented(contacts: ServiceKit[ContactsSettings], tenant: SeededTenant) -> None:
    admin = contacts.client(tenant.admin)
    company = require_ok(await admin.post("/v1/companies", json={"name": "Acme"}), 201)
    people = [require_ok(await admin.post("/v1/contacts", json={"first_name": "Zoë"}), 201) for _ in range(20)]
    contact_ids = [person["id"] for person in people]
    known = {
        "contact_id": contact_ids,
        "record_id": [*contact_ids, company["id"]],
        "other_id": contact_ids,
        "company_id": [company["id"], None],
        "owner_id": [str(person.id) for person in tenant.people],
        "user_id": [str(person.id) for person in (tenant.rep, tenant.other_rep)],
        "manager_id": [str(tenant.manager.id), None],
        "successor_id": [str(tenant.manager.id), None],
        "email": ["zoe@acme.example", "ada@acme.example"],
        "phone": ["030 901820"],
        "domain": ["acme.example"],
        "website": ["https://acme.example"],
        "time_zone": ["Europe/Berlin"],
        "base_currency": ["EUR"],
        "default_region": ["DE"],
        "tag": ["vip"],
        "tags": [["vip"], []],
        "sort": ["created_at", "-updated_at"],
        "custom_data": [{}],
        "entity_type": ["CONTACT"],
        "field_type": ["TEXT"],
        "key": ["region", "erp_number"],
        "permission": ["READ"],
    }

    findings = await call_all(admin, contacts.app.openapi(), known)

    findings.require_clean()
