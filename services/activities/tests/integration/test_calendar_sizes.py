"""How large a calendar feed gets: whatever is written in it, there is an end to its texts."""

from datetime import UTC, datetime, timedelta

import httpx
import icalendar
import pytest

from crm_activities.calendar import queries
from crm_activities.settings import ActivitiesSettings
from crm_testing.answers import require_ok
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_beyond_so_many_bytes_of_texts_there_are_short_subjects_alone(
    service: ServiceKit[ActivitiesSettings], rep: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MOST_TEXT_BYTES", 5000)
    feed = require_ok(await rep.post("/v1/calendar-feeds", json={}), 201)
    texts = [
        {"subject": "First"},
        {"subject": "é" * 1000, "body": "Bring it", "location": "é" * 1000},
        {"subject": "ü" * 1000, "location": "Rome"},
        {"subject": "Last", "body": "Bring it", "location": "Rome"},
    ]
    for number, fields in enumerate(texts):
        starts = datetime.now(UTC) + timedelta(days=1, hours=number)
        body = {"type": "MEETING", "scheduled_at": starts.isoformat(), **fields}
        require_ok(await rep.post("/v1/activities", json=body), 201)
    answer = await service.client_with(None).get(feed["url"])
    assert answer.status_code == 200, answer.text
    events = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    shown = [[event.get(name) for name in ("SUMMARY", "DESCRIPTION", "LOCATION")] for event in events]
    assert shown == [
        ["First", None, None],
        ["é" * 1000, "Bring it", "é" * 1000],
        ["ü" * 100, None, None],
        ["Last", None, None],
    ]
