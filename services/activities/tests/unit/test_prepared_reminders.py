"""A reminder that was made ready says what one says that is built when it is given."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_activities.activities import domain
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_activities.activities.events import MAPPING
from crm_activities.reminders.domain import remind, since_when
from crm_activities.reminders.prepared import STAND_IN, PreparedQueue, PreparedReminder, finish, prepare
from crm_shared.clock import new_id
from crm_shared.contracts import Actor, OutboxEvent
from crm_shared.json_text import to_json

TENANT_ID = UUID(int=1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRITTEN = to_json(STAND_IN).decode()
TEXTS = st.one_of(st.none(), st.text(), st.sampled_from([WRITTEN, WRITTEN.strip('"'), f"at {WRITTEN}: call", "\\"]))


def make(**fields: Any) -> Activity:
    new = NewActivity(type=ActivityType.TASK, user_id=UUID(int=2), remind_at=NOW)
    return replace(domain.log(new_id(), new, now=NOW - timedelta(hours=1)).activity, **fields)


def require_prepared(activity: Activity) -> PreparedReminder:
    reminder = prepare(TENANT_ID, activity)
    assert reminder is not None
    return reminder


def build(activity: Activity, now: datetime) -> OutboxEvent:
    return MAPPING.to_wire([remind(activity, now=now)], by=Actor(TENANT_ID))[0]


@given(
    subject=TEXTS,
    body=TEXTS,
    version=st.integers(1, 10**12),
    after_us=st.integers(0, 10**15),
)
def test_its_event_is_the_one_that_is_built_when_it_is_given(
    subject: str | None, body: str | None, version: int, after_us: int
) -> None:
    now = NOW + timedelta(microseconds=after_us)
    activity = make(subject=subject, body=body, version=version)
    prepared = prepare(TENANT_ID, activity)
    if prepared is None:
        assert WRITTEN.strip('"') in {subject, body}
        return
    (event,) = finish([prepared], now=now)
    assert event == replace(build(activity, now), id=event.id)
    assert (prepared.key, prepared.version, prepared.updated_at) == (
        (TENANT_ID, activity.id),
        activity.version,
        activity.updated_at,
    )
    assert (prepared.remind_at, prepared.due_since) == (activity.remind_at, since_when(activity))


@pytest.mark.parametrize("field", ["scheduled_at", "occurred_at", "created_at"])
def test_one_that_holds_the_stand_in_itself_is_not_made_ready(field: str) -> None:
    assert prepare(TENANT_ID, make(**{field: STAND_IN})) is None


@pytest.mark.parametrize(
    "fields", [{"remind_at": None}, {"reminded_at": NOW}, {"completed_at": NOW}, {"deleted_at": NOW}]
)
def test_what_reminds_nobody_is_not_made_ready(fields: dict[str, Any]) -> None:
    assert prepare(TENANT_ID, make(**fields)) is None


def test_the_queue_gives_the_earliest_first_and_none_before_its_time() -> None:
    queue = PreparedQueue()
    for seconds in (3, 1, 2, 1):
        queue.add(require_prepared(make(remind_at=NOW + timedelta(seconds=seconds))))
    assert queue.take_due(NOW, at_most=10) == []
    assert len(queue.take_due(NOW + timedelta(seconds=1), at_most=1)) == 1
    times = [one.remind_at for one in queue.take_due(NOW + timedelta(seconds=2), at_most=10)]
    assert times == [NOW + timedelta(seconds=1), NOW + timedelta(seconds=2)]
    assert (len(queue), queue.size_bytes) == (1, len(build(make(), STAND_IN).payload))
