"""The contact's and the company's rules, without a database."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_contacts.companies import domain as companies
from crm_contacts.companies.domain import NewCompany
from crm_contacts.contacts import domain
from crm_contacts.contacts.domain import NAMING_FIELDS, Contact, NewContact
from crm_contacts.tags import MAX_TAGS
from crm_shared.refusals import InvalidField

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
NOBODY = UUID(int=0)


def make_contact(**fields: Any) -> Contact:
    facts: dict[str, Any] = {"owner_id": NOBODY, "first_name": "Zoë"} | fields
    return domain.create(UUID(int=1), NewContact(**facts), now=NOW).contact


@pytest.mark.parametrize("name", NAMING_FIELDS)
def test_one_of_four_fields_is_enough(name: str) -> None:
    assert getattr(make_contact(**{"first_name": None, name: "x"}), name) == "x"


def test_without_any_nobody_knows_who_it_is() -> None:
    with pytest.raises(InvalidField) as refusal:
        make_contact(first_name=None)
    assert {error.pointer for error in refusal.value.errors} == {f"/{name}" for name in NAMING_FIELDS}
    with pytest.raises(InvalidField):
        domain.edit(make_contact(), {"first_name": None}, now=LATER)


def test_an_edit_raises_the_version_by_one_and_an_idle_one_does_not() -> None:
    contact = make_contact()

    edited = domain.edit(contact, {"first_name": "Zoe", "job_title": None}, now=LATER)

    assert edited is not None
    assert (edited.contact.version, edited.contact.updated_at, edited.contact.created_at) == (2, LATER, NOW)
    assert domain.edit(contact, {"first_name": "Zoë", "tags": ()}, now=LATER) is None
    assert domain.edit(contact, {}, now=LATER) is None


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd"))))
def test_tags_are_a_set_in_order(steps: list[tuple[bool, str]]) -> None:
    contact, expected = make_contact(), list[str]()
    for is_added, tag in steps:
        event = (domain.add_tag if is_added else domain.remove_tag)(contact, tag, now=LATER)
        changes = is_added != (tag in expected)
        if changes:
            expected = [*expected, tag] if is_added else [kept for kept in expected if kept != tag]
        assert (event is not None) is changes
        contact = event.contact if event is not None else contact
    assert list(contact.tags) == expected


def test_there_are_only_so_many_tags() -> None:
    contact = make_contact(tags=tuple(str(number) for number in range(MAX_TAGS)))

    assert domain.add_tag(contact, "0", now=LATER) is None
    with pytest.raises(InvalidField):
        domain.add_tag(contact, "one more", now=LATER)


def test_deleting_is_a_version_too() -> None:
    deleted = domain.delete(make_contact(), now=LATER).contact

    assert (deleted.version, deleted.deleted_at) == (2, LATER)


def test_a_company_goes_the_same_way() -> None:
    new = NewCompany(name="Acme", domain="acme.com", owner_id=NOBODY)
    company = companies.create(UUID(int=1), new, now=NOW).company

    edited = companies.edit(company, {"name": "Acme Corp"}, now=LATER)

    assert edited is not None
    assert (edited.company.version, edited.company.name) == (2, "Acme Corp")
    assert companies.edit(company, {"name": "Acme", "tags": ()}, now=LATER) is None
    assert companies.delete(company, now=LATER).company.deleted_at == LATER
