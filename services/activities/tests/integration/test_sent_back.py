"""What GET answers of an activity may be sent back by PATCH, whatever its type."""

from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest

from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok
from crm_testing.sent_back import list_patched, list_read_only, require_taken_back, require_taken_back_in_a_batch
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

TEMPLATE: Final = "/activities/{activity_id}"
AT: Final = "2026-03-02T10:00:00Z"
FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "EMAIL": {"direction": "OUTBOUND", "message_id": "<a@x.example>", "reference_ids": ["<b@x.example>"]},
    "CALL": {"direction": "INBOUND", "outcome": "CONNECTED", "duration_s": 60},
    "MEETING": {"scheduled_at": AT, "location": "Berlin", "duration_s": 3600},
    "NOTE": {"attachments": [{"name": "a", "url": "https://a.example/b"}]},
    "TASK": {"scheduled_on": "2026-03-02", "priority": "HIGH"},
}


def test_every_record_that_is_patched_is_tried(service: ServiceKit[ActivitiesSettings]) -> None:
    assert list_patched(service.app) == {TEMPLATE}


@pytest.mark.parametrize("kind", FIELDS)
async def test_what_get_answers_is_taken_back(
    service: ServiceKit[ActivitiesSettings], rep: httpx.AsyncClient, kind: str
) -> None:
    record = {"type": kind, "subject": "Zoë", "body": "x\n", "occurred_at": AT, **FIELDS[kind]}
    activity = require_ok(await rep.post("/v1/activities", json=record), 201)
    read_only = list_read_only(service.app, TEMPLATE)
    await require_taken_back(rep, f"/v1/activities/{activity['id']}", read_only, {"subject": "Other"})
    await require_taken_back_in_a_batch(rep, f"/v1/activities/{activity['id']}", read_only, {"subject": "Third"})


async def test_an_instance_of_a_series_is_taken_back(
    service: ServiceKit[ActivitiesSettings], rep: httpx.AsyncClient
) -> None:
    rule = {"rrule": "FREQ=DAILY;COUNT=3", "time_zone": "Europe/Berlin"}
    record = {"type": "TASK", "subject": "Again", "scheduled_at": "2200-12-01T10:00:00Z", "recurrence": rule}
    activity = require_ok(await rep.post("/v1/activities", json=record), 201)
    read_only = list_read_only(service.app, TEMPLATE)
    await require_taken_back(rep, f"/v1/activities/{activity['id']}", read_only, {"subject": "Other"})
