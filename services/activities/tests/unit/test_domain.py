"""The rules of activities, at any moment one likes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from crm_activities.activities import domain, events
from crm_activities.activities.activity import Activity, ActivityType, Direction, NewActivity
from crm_activities.activities.domain import SystemNote
from crm_shared.clock import new_id
from crm_shared.contracts import Actor
from crm_shared.contracts.states import ActivityState
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
TENANT_ID, USER_ID = UUID(int=1), UUID(int=2)

SPECIAL_VALUES: dict[str, Any] = {
    "direction": Direction.INBOUND,
    "duration_s": 60,
    "scheduled_at": NOW,
    "completed_at": NOW,
}
TAKES = {
    ActivityType.EMAIL: {"direction"},
    ActivityType.CALL: {"direction", "duration_s"},
    ActivityType.MEETING: {"duration_s", "scheduled_at", "completed_at"},
    ActivityType.NOTE: set[str](),
    ActivityType.TASK: {"scheduled_at", "completed_at"},
}


def make_new(activity_type: ActivityType = ActivityType.NOTE, **fields: Any) -> NewActivity:
    return NewActivity(**{"type": activity_type, "user_id": USER_ID, **fields})


def log(activity_type: ActivityType = ActivityType.NOTE, **fields: Any) -> Activity:
    return domain.log(new_id(), make_new(activity_type, **fields), now=NOW).activity


@pytest.mark.parametrize("activity_type", ActivityType)
@pytest.mark.parametrize("field", SPECIAL_VALUES)
def test_each_type_takes_its_own_fields_and_refuses_the_others(activity_type: ActivityType, field: str) -> None:
    new = make_new(activity_type, **{field: SPECIAL_VALUES[field]})
    if field in TAKES[activity_type]:
        assert getattr(domain.log(new_id(), new, now=NOW).activity, field) == SPECIAL_VALUES[field]
        return
    with pytest.raises(InvalidField) as refused:
        domain.log(new_id(), new, now=NOW)
    assert [problem.pointer for problem in refused.value.errors] == [f"/{field}"]


def test_all_fields_that_do_not_fit_are_named_at_once() -> None:
    with pytest.raises(InvalidField) as refused:
        domain.log(new_id(), make_new(ActivityType.NOTE, **SPECIAL_VALUES), now=NOW)
    assert {problem.pointer for problem in refused.value.errors} == {f"/{name}" for name in SPECIAL_VALUES}


def test_an_activity_occurs_when_it_is_logged_unless_somebody_says_otherwise() -> None:
    assert log().occurred_at == NOW
    assert log(occurred_at=LATER).occurred_at == LATER


def test_an_edit_raises_the_version_by_one_and_tells_what_changed() -> None:
    activity = log(subject="Offer")
    decision = domain.edit(activity, {"subject": "Revised offer", "body": None}, now=LATER)
    assert (decision.activity.version, decision.activity.updated_at) == (2, LATER)
    (published,) = events.MAPPING.to_wire(decision.events, by=Actor(TENANT_ID, USER_ID))
    assert published.type == "crm.activity.updated"
    assert b'"changed":{"subject":{"from":"Offer","to":"Revised offer"}}' in published.payload


def test_an_edit_that_changes_nothing_tells_nothing() -> None:
    activity = log(subject="Offer")
    decision = domain.edit(activity, {"subject": "Offer", "body": None}, now=LATER)
    assert (decision.activity, decision.events) == (activity, ())


def test_an_edit_may_not_leave_fields_that_the_new_type_has_not() -> None:
    activity = log(ActivityType.CALL, direction=Direction.INBOUND)
    with pytest.raises(InvalidField):
        domain.edit(activity, {"type": ActivityType.NOTE}, now=LATER)
    edited = domain.edit(activity, {"type": ActivityType.NOTE, "direction": None}, now=LATER).activity
    assert (edited.type, edited.direction) == (ActivityType.NOTE, None)


def test_an_activity_does_not_answer_itself() -> None:
    activity, other = log(), UUID(int=99)
    for answered in ([activity.id], [other, activity.id], [other] * domain.MOST_ANSWERED):
        with pytest.raises(InvalidField):
            domain.require_no_circle(activity.id, answered)
    domain.require_no_circle(activity.id, [other])


@pytest.mark.parametrize(
    ("before", "after", "verb"),
    [(None, LATER, "completed"), (NOW, None, "reopened"), (NOW, LATER, "updated")],
)
def test_an_edit_that_ends_a_task_is_called_by_that(before: datetime | None, after: datetime | None, verb: str) -> None:
    task = log(ActivityType.TASK, completed_at=before)
    decision = domain.edit(task, {"completed_at": after}, now=LATER)
    (published,) = events.MAPPING.to_wire(decision.events, by=Actor(TENANT_ID, USER_ID))
    assert published.type == f"crm.activity.{verb}"


def test_what_the_system_wrote_stands() -> None:
    note = replace(log(), system=True)
    with pytest.raises(SystemNote):
        domain.edit(note, {"body": "Something else"}, now=LATER)
    with pytest.raises(SystemNote):
        domain.delete(note, now=LATER)


def test_a_deleted_activity_keeps_its_state_and_tells_when() -> None:
    decision = domain.delete(log(), now=LATER)
    assert (decision.activity.deleted_at, decision.activity.version) == (LATER, 2)
    (published,) = events.MAPPING.to_wire(decision.events, by=Actor(TENANT_ID, USER_ID))
    assert (published.type, published.version) == ("crm.activity.deleted", 2)


def test_the_state_has_exactly_the_contracts_fields() -> None:
    assert set(events.to_state(log())) == set(ActivityState.model_fields)
