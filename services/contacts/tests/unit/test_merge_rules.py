"""Merging and its undoing, rule by rule."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from crm_contacts.contacts.domain import Contact, NewContact, begin
from crm_contacts.merges import domain
from crm_contacts.merges.domain import Choice, Merging, NamelessSurvivor
from crm_contacts.merges.field_choices import to_choices
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
OWNER, COLLEAGUE, THIRD = uuid4(), uuid4(), uuid4()
THIS, OTHER = Choice.THIS, Choice.OTHER


def make(**fields: Any) -> Contact:
    contact = begin(uuid4(), NewContact(owner_id=OWNER), now=NOW)
    return replace(contact, **fields)


def merge(survivor: Contact, other: Contact, active: frozenset[UUID] = frozenset(), **choices: Choice) -> Merging:
    return domain.merge(survivor, other, to_choices(choices), active_owner_ids=active, now=LATER)


def undo(merging: Merging, **edits: Any) -> tuple[Contact, Contact]:
    survivor = replace(merging.survivor.contact, **edits)
    unmerging = domain.undo(survivor, merging.other.contact, merging.changed, now=LATER)
    return unmerging.survivor.contact, unmerging.other.contact


def share(user_id: UUID, permission: str) -> dict[str, str]:
    return {"user_id": str(user_id), "permission": permission}


def test_what_the_survivor_has_stays_and_what_it_lacks_is_taken() -> None:
    merged = merge(make(first_name="Zoë", email="z@a.example"), make(first_name="Zoe", last_name="Okonkwo")).survivor
    assert (merged.contact.first_name, merged.contact.last_name) == ("Zoë", "Okonkwo")
    assert (merged.contact.email, merged.contact.version) == ("z@a.example", 2)


def test_a_choice_is_taken_as_it_is_and_empty_too() -> None:
    survivor = make(first_name="Zoë", job_title="CEO")
    other = make(first_name="Zoe", email="z@a.example", source="REFERRAL", owner_id=COLLEAGUE)
    chosen: dict[str, Any] = {"first_name": OTHER, "job_title": OTHER, "email": THIS, "owner_id": OTHER}
    merged = merge(survivor, other, **chosen).survivor.contact
    assert (merged.first_name, merged.job_title, merged.email) == ("Zoe", None, None)
    assert (merged.source, merged.owner_id) == ("REFERRAL", COLLEAGUE)


def test_a_phone_goes_with_its_one_form() -> None:
    survivor = make(phone="extension 12", first_name="Z")
    other = make(phone="030 901820", phone_e164="+4930901820")
    assert merge(survivor, other).survivor.contact.phone_e164 is None
    merged = merge(survivor, other, phone=OTHER).survivor.contact
    assert (merged.phone, merged.phone_e164) == ("030 901820", "+4930901820")


def test_tags_are_united_however_many() -> None:
    survivor, other = make(first_name="Z", tags=("a", "b")), make(tags=("b", *map(str, range(100))))
    assert merge(survivor, other).survivor.contact.tags == ("a", "b", *map(str, range(100)))


def test_custom_data_is_taken_key_by_key() -> None:
    survivor = make(first_name="Z", custom_data={"region": "EU", "size": None, "tier": 1})
    other = make(custom_data={"region": "US", "size": 5, "since": "2020-01-01"})
    merged = merge(survivor, other).survivor.contact
    assert merged.custom_data == {"region": "EU", "size": 5, "tier": 1, "since": "2020-01-01"}
    chosen: dict[str, Any] = {"cf_region": OTHER, "custom_data.tier": OTHER, "cf_since": THIS}
    assert merge(survivor, other, **chosen).survivor.contact.custom_data == {"region": "US", "size": 5}


def test_of_two_shares_the_stronger_counts_and_an_owner_needs_none() -> None:
    survivor = make(first_name="Z", shares=[share(COLLEAGUE, "READ"), share(THIRD, "WRITE")])
    other = make(shares=[share(COLLEAGUE, "WRITE"), share(THIRD, "READ"), share(OWNER, "READ")], owner_id=COLLEAGUE)
    merged = merge(survivor, other).survivor.contact
    assert merged.shares == [share(COLLEAGUE, "WRITE"), share(THIRD, "WRITE")]


def test_who_owned_one_of_the_two_keeps_it_in_sight() -> None:
    survivor, other = make(first_name="Z"), make(owner_id=COLLEAGUE)
    both = frozenset({OWNER, COLLEAGUE})
    cases: list[tuple[dict[str, Any], UUID]] = [({}, COLLEAGUE), ({"owner_id": OTHER}, OWNER)]
    for choices, left in cases:
        (kept,) = merge(survivor, other, both, **choices).survivor.contact.shares
        assert (str(kept["user_id"]), kept["permission"]) == (str(left), "WRITE")
        assert (kept["created_at"], kept["created_by"]) == (LATER, None)
    assert merge(survivor, other, frozenset({OWNER})).survivor.contact.shares == []  # the other's owner has left


def test_the_other_is_hidden_with_all_it_had() -> None:
    other = make(email="z@a.example", tags=("a",))
    survivor = make(first_name="Z")
    hidden = merge(survivor, other).other.contact
    assert (hidden.merged_into, hidden.deleted_at, hidden.version) == (survivor.id, LATER, 2)
    assert replace(hidden, merged_into=None, deleted_at=None, version=1, updated_at=NOW) == other


def test_choices_that_leave_no_name_are_refused() -> None:
    with pytest.raises(InvalidField) as refused:
        merge(make(first_name="Z"), make(email="z@a.example"), first_name=OTHER, email=THIS)
    assert [error.pointer for error in refused.value.errors] == ["/choices"]


@pytest.mark.parametrize(
    ("choices", "pointers"),
    [
        ({"name": THIS}, ["/choices/name"]),
        (
            {"tags": OTHER, "shares": OTHER, "custom_data": OTHER},
            ["/choices/tags", "/choices/shares", "/choices/custom_data"],
        ),
        ({"cf_": THIS, "custom_data.": THIS}, ["/choices/cf_", "/choices/custom_data."]),
        ({"cf_a": THIS, "custom_data.a": OTHER}, ["/choices/custom_data.a"]),
        ({"a/b": THIS}, ["/choices/a~1b"]),
    ],
)
def test_a_wrong_choice_is_named(choices: dict[str, Choice], pointers: list[str]) -> None:
    with pytest.raises(InvalidField) as refused:
        to_choices(choices)
    assert [error.pointer for error in refused.value.errors] == pointers


def test_an_undo_gives_back_what_nobody_edited() -> None:
    survivor = make(first_name="Zoë", tags=("a",), custom_data={"k": 1}, shares=[share(THIRD, "READ")])
    other = make(
        last_name="O", email="z@a.example", tags=("b", "c"), custom_data={"l": 2}, shares=[share(THIRD, "WRITE")]
    )
    merging = merge(survivor, other)
    parted, back = undo(merging)
    assert replace(parted, version=1, updated_at=NOW) == survivor
    assert replace(back, version=1, updated_at=NOW) == other
    assert (parted.version, back.version) == (3, 3)


def test_a_later_edit_stays_with_the_survivor() -> None:
    survivor = make(first_name="Zoë", tags=("a",), custom_data={"k": 1}, shares=[share(THIRD, "READ")])
    other = make(last_name="O", job_title="CEO", tags=("b", "c"), custom_data={"l": 2, "m": 3})
    merging = merge(survivor, other)
    parted, back = undo(
        merging,
        last_name="Okonkwo",
        tags=("a", "c", "d"),
        custom_data={"k": 1, "l": 5, "n": 4},
        shares=[share(THIRD, "WRITE")],
    )
    assert (parted.last_name, parted.job_title) == ("Okonkwo", None)
    assert parted.tags == ("a", "d")
    assert parted.custom_data == {"k": 1, "l": 5, "n": 4}
    assert parted.shares == [share(THIRD, "WRITE")]
    assert (back.last_name, back.tags, back.custom_data) == ("O", ("b", "c"), {"l": 2, "m": 3})


def test_a_survivor_deleted_since_stays_deleted() -> None:
    merging = merge(make(first_name="Z"), make(last_name="O"))
    parted, back = undo(merging, deleted_at=LATER)
    assert parted.deleted_at == LATER
    assert (back.deleted_at, back.merged_into) == (None, None)


def test_an_undo_that_would_leave_no_name_says_so() -> None:
    merging = merge(make(first_name="Z"), make(email="z@a.example"))
    with pytest.raises(NamelessSurvivor):
        undo(merging, first_name=None)
