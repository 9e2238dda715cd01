"""Contacts of an activity over any merges and their undoing: what was given never changes, what is shown follows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_activities.activities import contacts, domain
from crm_activities.activities.activity import Activity, ActivityType, NewActivity
from crm_shared.refusals import InvalidField, UnknownReference

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 7)]
A, B, C, D, *_ = PEOPLE
AT_HOME = {person: person for person in PEOPLE}

some_people = st.lists(st.sampled_from(PEOPLE), unique=True, max_size=6)


@st.composite
def all_homes(draw: st.DrawFn) -> dict[UUID, UUID]:
    """Make merges without chains: some people live on in others, who live."""
    canonical = draw(st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1))
    return {person: person if person in canonical else draw(st.sampled_from(canonical)) for person in PEOPLE}


def make_activity(*given: UUID, homes: dict[UUID, UUID] = AT_HOME) -> Activity:
    new = NewActivity(type=ActivityType.NOTE, user_id=PEOPLE[5], **contacts.place(given, homes))
    return domain.log(UUID(int=100), new, now=NOW).activity


def change(activity: Activity, homes: dict[UUID, UUID], fields: dict[str, Any]) -> tuple[UUID, ...]:
    named = contacts.list_named(fields, activity)
    assert named is not None
    settled = contacts.change_contacts(activity, named, homes, {})
    edited = domain.edit(activity, settled, now=NOW).activity
    assert edited.contact_id == (edited.contact_ids[0] if edited.contact_ids else None)
    return edited.contact_ids


@given(some_people, all_homes(), all_homes())
def test_after_any_merges_the_undoing_of_all_gives_all_back_in_order(
    named: list[UUID], once: dict[UUID, UUID], then: dict[UUID, UUID]
) -> None:
    activity = make_activity(*named)
    for homes in (once, then, AT_HOME):
        placed = contacts.place(contacts.list_given(activity), homes)
        assert set(placed["contact_ids"]) == {homes[person] for person in named}
        activity = domain.edit(activity, placed, now=NOW).activity
    assert activity.contact_ids == tuple(named)
    assert (activity.original_contact_id, activity.original_contact_ids) == (None, ())


@given(some_people, all_homes())
def test_to_name_what_is_there_changes_nothing(named: list[UUID], homes: dict[UUID, UUID]) -> None:
    activity = make_activity(*named, homes=homes)
    for same in (activity.contact_ids, tuple(named)):
        assert contacts.change_contacts(activity, same, homes, {}) == {}


@given(some_people, all_homes(), st.data())
def test_one_that_stays_keeps_whom_it_took_in(named: list[UUID], homes: dict[UUID, UUID], data: st.DataObject) -> None:
    activity = make_activity(*named, homes=homes)
    kept = data.draw(st.lists(st.sampled_from(activity.contact_ids), unique=True)) if activity.contact_ids else []
    fields = contacts.change_contacts(activity, kept, homes, {})
    changed = domain.edit(activity, fields, now=NOW).activity
    assert list(changed.contact_ids) == kept
    parted = contacts.place(contacts.list_given(changed), AT_HOME)["contact_ids"]
    assert set(parted) == {person for person in named if homes[person] in kept}


def test_contact_id_is_the_first() -> None:
    assert contacts.name_contacts(B, (A, B, C, A)) == (B, A, C)
    assert contacts.list_pointers(B, (A, B)) == {B: "/contact_id", A: "/contact_ids/0"}


def test_contact_id_alone_takes_the_first_ones_place_and_null_leaves_none() -> None:
    activity = make_activity(A, B)
    assert change(activity, AT_HOME, {"contact_id": C}) == (C, B)
    assert change(activity, AT_HOME, {"contact_id": B}) == (B,)
    assert change(activity, AT_HOME, {"contact_id": None}) == ()
    assert change(activity, AT_HOME, {"contact_ids": None}) == ()
    assert change(activity, AT_HOME, {"contact_ids": (D, C), "contact_id": C}) == (C, D)
    assert contacts.list_named({"subject": "x"}, activity) is None


def test_the_contact_that_a_deal_brings_takes_the_place_of_one_and_leaves_out_none_of_several() -> None:
    for given_before, expected in (
        ((), (D,)),
        ((A,), (D,)),
        ((A, B), (D, A, B)),
        ((A, D, B), (D, A, B)),
        ((D, A), (D, A)),
    ):
        assert contacts.list_named({"deal_id": C}, make_activity(*given_before), brought=D) == expected


def test_an_activity_has_fifty_at_most_however_they_are_named() -> None:
    many = [UUID(int=number) for number in range(1, 53)]
    homes = {person: person for person in many}
    activity = make_activity(*many[:50], homes=homes)
    for fields, brought in (({"contact_ids": many[1:51], "contact_id": many[0]}, None), ({}, many[50])):
        named = contacts.list_named(fields, activity, brought=brought)
        assert named is not None
        with pytest.raises(InvalidField) as refused:
            contacts.change_contacts(activity, named, homes, {}, brought=brought)
        assert [problem.pointer for problem in refused.value.errors] == ["/contact_ids"]
    assert contacts.list_named({"contact_ids": many[:50], "contact_id": many[1]}, activity) is not None


def test_another_that_was_merged_is_refused_where_it_is_named() -> None:
    activity = make_activity(A)
    with pytest.raises(UnknownReference) as refused:
        contacts.change_contacts(activity, (A, B), AT_HOME | {B: C}, {B: "/contact_ids/1"})
    assert [problem.pointer for problem in refused.value.errors] == ["/contact_ids/1"]


def test_the_contact_of_a_deal_may_have_been_merged() -> None:
    fields = contacts.change_contacts(make_activity(A), (B,), AT_HOME | {B: C}, {}, brought=B)
    assert (fields["contact_ids"], fields["original_contact_ids"]) == ((C,), (B,))
