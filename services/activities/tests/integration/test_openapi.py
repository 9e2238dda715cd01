"""The OpenAPI document and the running service say the same, whatever is sent."""

import pytest

from crm_activities import consumers
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok
from crm_testing.openapi_calls import call_all
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_answers_are_as_documented(service: ServiceKit[ActivitiesSettings], tenant: SeededTenant) -> None:
    admin = service.client(tenant.admin)
    contact = make_contact_event(tenant.id, tenant.rep.id)
    await consumers.keep_replicas([contact], service.database)
    body = {"type": "TASK", "contact_id": str(contact.aggregate_id)}
    tasks = [require_ok(await admin.post("/v1/activities", json=body), 201)["id"] for _ in range(3)]
    email = require_ok(await admin.post("/v1/activities", json={"type": "EMAIL", "message_id": "1@x"}), 201)
    feed = require_ok(await admin.post("/v1/calendar-feeds", json={}), 201)
    known = {
        "secret": [feed["secret"]],
        "activity_id": tasks,
        "record_id": tasks,
        "contact_id": [str(contact.aggregate_id)],
        "user_id": [str(person.id) for person in tenant.people],
        "deal_id": [None],
        "in_reply_to": [None, tasks[0]],
        "thread_id": [email["id"]],
        "sort": ["created_at", "-occurred_at"],
    }

    findings = await call_all(admin, service.app.openapi(), known)

    findings.require_clean()
