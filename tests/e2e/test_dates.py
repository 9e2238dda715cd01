"""A moment between 1900 and 2200 reads the same in every view: detail, list, history, timeline and report."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crm_testing.examples import examples
from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Json, User

pytestmark = pytest.mark.engines

EXAMPLES = examples(2)
"""Each is a tenant of its own, with many moments: the whole suite has to come to rest in between."""

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST, LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
BEFORE_THE_EPOCH = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LEAP_DAY = datetime(2000, 2, 29, 13, 30, 0, 1, tzinfo=timezone(timedelta(hours=14)))
TWICE = datetime(2024, 10, 27, 2, 30, tzinfo=timezone(timedelta(hours=1)))  # an hour that Berlin has twice
# Inside the window whatever the offset; the edges themselves are among the examples.
PAST = st.datetimes(datetime(1900, 1, 2), datetime(2024, 12, 31), timezones=OFFSETS)  # noqa: DTZ001 - as st has it
ANY = st.datetimes(datetime(1900, 1, 2), datetime(2200, 12, 30), timezones=OFFSETS)  # noqa: DTZ001

Views = Mapping[str, str]
"""How each place writes one moment, by the place."""


@given(created=st.lists(PAST, min_size=1, max_size=6), happened=st.lists(ANY, min_size=1, max_size=6))
@example(created=[BEFORE_THE_EPOCH, FIRST, LEAP_DAY, TWICE], happened=[LAST, FIRST, TWICE, BEFORE_THE_EPOCH, LEAP_DAY])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_moment_reads_the_same_wherever_it_is_shown(
    crm: RunningCrm, created: list[datetime], happened: list[datetime]
) -> None:
    admin = (await crm.new_tenant()).admin
    stage_id = (await admin.stages())["Discovery"]
    moved = max(created)
    deal_ids = await _bring_deals(admin, created)
    await _move(admin, deal_ids, stage_id, moved)
    noted_ids = [await _note(admin, deal_ids[0], at) for at in happened]
    await crm.drain()

    deals = await _list(admin, "deals", "/v1/deals")
    for deal_id, at in zip(deal_ids, created, strict=True):
        _require_one(at, await _view_creation(admin, deals[deal_id]))
        _require_one(moved, await _view_move(admin, deals[deal_id]))
    activities = await _list(admin, "activities", "/v1/activities")
    timeline = await _list(admin, "activities", f"/v1/timelines/deals/{deal_ids[0]}")
    for activity_id, at in zip(noted_ids, happened, strict=True):
        found = [activities[activity_id], timeline[activity_id]]
        found.append(await admin.get("activities", f"/v1/activities/{activity_id}"))
        _require_one(at, {f"{each} {field}": activity[field] for each, activity in enumerate(found) for field in TIMES})
        within = await _list(admin, "activities", f"/v1/timelines/deals/{deal_ids[0]}", at)
        assert activity_id in within
        assert {datetime.fromisoformat(activity["occurred_at"]) for activity in within.values()} == {at}
    await _require_report(admin, stage_id, created, moved)


TIMES = ("occurred_at", "scheduled_at")


async def _bring_deals(admin: User, created: list[datetime]) -> list[str]:
    items = [{"name": f"Deal {number}", "created_at": at.isoformat()} for number, at in enumerate(created)]
    answer = await admin.post_batch("deals", "/v1/deals/batch", {"mode": "create", "items": items})
    assert {item["status"] for item in answer["items"]} == {201}, answer
    return [item["id"] for item in answer["items"]]


async def _move(admin: User, deal_ids: list[str], stage_id: str, at: datetime) -> None:
    items = [{"deal_id": deal_id, "stage_id": stage_id, "changed_at": at.isoformat()} for deal_id in deal_ids]
    answer = await admin.post("deals", "/v1/deals/move", {"items": items})
    assert {item["status"] for item in answer["items"]} == {200}, answer


async def _note(admin: User, deal_id: str, at: datetime) -> str:
    body = {"type": "TASK", "subject": "Once", "deal_id": deal_id} | dict.fromkeys(TIMES, at.isoformat())
    activity_id: str = (await admin.post("activities", "/v1/activities", body))["id"]
    return activity_id


async def _list(admin: User, service: str, path: str, at: datetime | None = None) -> dict[str, Json]:
    window = {} if at is None else {"from": at.isoformat(), "to": at.isoformat()}
    page = await admin.get(service, path, limit=200, **window)
    assert page["next_cursor"] is None
    return {item["id"]: item for item in page["items"]}


async def _view_creation(admin: User, listed: Json) -> Views:
    deal_id, at = listed["id"], listed["created_at"]
    oldest_first = (await admin.get("deals", "/v1/deals", sort="created_at", limit=200))["items"]
    assert [deal["created_at"] for deal in oldest_first] == sorted(
        (deal["created_at"] for deal in oldest_first), key=datetime.fromisoformat
    )
    there_by_then = (await admin.get("deals", "/v1/deals", as_of=at, limit=200))["items"]
    history = (await admin.get("deals", f"/v1/deals/{deal_id}/history"))["items"]
    return {
        "list": at,
        "detail": (await admin.get("deals", f"/v1/deals/{deal_id}"))["created_at"],
        "as_of": next(deal["created_at"] for deal in there_by_then if deal["id"] == deal_id),
        "history": _entry(history, begins=True)["changed_at"],
    }


async def _view_move(admin: User, listed: Json) -> Views:
    deal_id = listed["id"]
    history = (await admin.get("deals", f"/v1/deals/{deal_id}/history"))["items"]
    timeline = (await admin.get("activities", f"/v1/timelines/deals/{deal_id}", type="NOTE"))["items"]
    return {
        "list": listed["stage_changed_at"],
        "detail": (await admin.get("deals", f"/v1/deals/{deal_id}"))["stage_changed_at"],
        "history": _entry(history, begins=False)["changed_at"],
        "timeline": timeline[0]["occurred_at"],
    }


def _entry(history: list[Json], *, begins: bool) -> Json:
    return next(entry for entry in history if (entry["from_stage"] is None) is begins)


def _require_one(at: datetime, views: Views) -> None:
    """Hold that all places write this moment, in one way."""
    assert len(set(views.values())) == 1, views
    assert datetime.fromisoformat(next(iter(views.values()))) == at, views


async def _require_report(admin: User, stage_id: str, created: list[datetime], moved: datetime) -> None:
    report = await admin.get("reporting", "/v1/reports/pipeline")
    row: dict[str, Any] = next(row for row in report["items"] if row["stage_id"] == stage_id)
    as_of = datetime.fromisoformat(report["as_of"])
    ages = [(as_of - at) / timedelta(days=1) for at in created]
    assert row["deal_count"] == len(created)
    assert row["average_age_days"] == pytest.approx(sum(ages) / len(ages), abs=0.0002)
    assert row["average_days_in_stage"] == pytest.approx((as_of - moved) / timedelta(days=1), abs=0.0002)
