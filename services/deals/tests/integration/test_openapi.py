"""The OpenAPI document and the running service say the same, whatever is sent."""

import pytest
from services.deals.tests.integration.sales import Sales

from crm_testing.openapi_calls import call_all

pytestmark = pytest.mark.engines


async def test_answers_are_as_documented(sales: Sales) -> None:
    deals = [await sales.create(), await sales.create(sales.other_rep)]
    contact_id = sales.contacts.add_contact(sales.tenant.rep)
    known = {
        "deal_id": [deal["id"] for deal in deals],
        "record_id": [deal["id"] for deal in deals],
        "pipeline_id": [sales.pipeline_id],
        "stage_id": list(sales.stages.values()),
        "contact_id": [str(contact_id)],
        "owner_id": [str(person.id) for person in sales.tenant.people],
        "currency": ["EUR", "JPY"],
        "amount": ["0", "1250", "12.50"],
        "url": ["https://erp.example/orders"],
        "event_types": [["crm.deal.won"]],
        "field_type": ["TEXT", "NUMBER"],
        "key": ["erp_number", "region"],
        "sort": ["created_at", "-updated_at", "amount"],
    }

    findings = await call_all(sales.admin, sales.kit.app.openapi(), known)

    findings.require_clean()
