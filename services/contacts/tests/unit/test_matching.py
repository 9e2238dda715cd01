"""What two contacts say of each other: names, and their fields level by level."""

from typing import Any

import pytest
from services.contacts.tests.unit.matching import levels, person

from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.keys import EVERYBODY, keys_of, terms_of
from crm_contacts.duplicates.names import Name, fold, is_nickname, to_name
from crm_contacts.phones import to_e164


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("Zoë", "Okonkwo", Name("zoe", "", "okonkwo")),
        ("Dr. Jörg", "Müller-Lüdenscheidt", Name("jorg", "", "muller ludenscheidt")),
        ("Seán", "O\u2019Brien", Name("sean", "", "obrien")),
        ("John F.", "Smith Jr.", Name("john", "f", "smith", "2")),
        (None, "Okonkwo, Zoë", Name("zoe", "", "okonkwo")),
        ("Zoë Okonkwo", None, Name("zoe", "", "okonkwo")),
        (None, "Zoë Okonkwo", Name("zoe", "", "okonkwo")),
        ("Иван", "Петров", Name("ivan", "", "petrov")),
        ("Miss", None, Name("miss", "", "")),
        (None, None, Name("", "", "")),
        ("!?", "…", Name("", "", "")),
    ],
)
def test_names_are_read_as_people_fill_them_in(first: str | None, last: str | None, expected: Name) -> None:
    assert to_name(first, last) == expected


def test_folding_has_no_accents_case_or_marks() -> None:
    assert fold("  D\u2019Aubigné-ŁUKASZ\u00a0ß ") == "daubigne lukasz ss"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("bob", "robert", True), ("bill", "william", True), ("sascha", "alexander", True), ("pepe", "jose", True),
        ("rob", "bob", True), ("robert", "william", False), ("anna", "otto", False), ("john", "john", False),
    ],
)  # fmt: skip
def test_nicknames_hold_both_ways(one: str, other: str, expected: bool) -> None:  # noqa: FBT001 - a case's outcome
    assert is_nickname(one, other) is is_nickname(other, one) is expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"last_name": "Phillips"}, {"last_name": "Fillips"}, {"last_name": "sounds_alike"}),
        ({"first_name": "Katharina"}, {"first_name": "Katarina"}, {"first_name": "close"}),
        ({"first_name": "Bob"}, {"first_name": "Robert"}, {"first_name": "nickname"}),
        ({"first_name": "J."}, {"first_name": "John"}, {"first_name": "initial"}),
        ({"first_name": "K."}, {"first_name": "John"}, {"first_name": "different"}),
        (
            {"first_name": "Ana", "last_name": "García López"}, {"first_name": "Ana", "last_name": "Garcia"},
            {"first_name": "exact", "last_name": "part"},
        ),
        (
            {"first_name": "Ana", "last_name": "van der Berg"}, {"first_name": "Ana", "last_name": "Vanderberg"},
            {"first_name": "exact", "last_name": "exact"},
        ),
        (
            {"first_name": "Zoë", "last_name": "Okonkwo"}, {"first_name": "Okonkwo", "last_name": "Zoe"},
            {"name_order": "swapped", "first_name": "exact", "last_name": "exact"},
        ),
        (
            {"first_name": "John", "last_name": "Smith Jr."}, {"first_name": "John", "last_name": "Smith Sr."},
            {"first_name": "exact", "last_name": "exact", "generation": "conflict"},
        ),
        ({"phone_e164": "+4930901820"}, {"phone": "030901820", "phone_e164": "+4930901820"}, {"phone": "exact"}),
        ({"phone_e164": "+4930901820"}, {"phone": "030 901820"}, {}),
        ({"phone_e164": "+493090182011"}, {"phone_e164": "+493090182012"}, {"phone": "near"}),
        ({"phone_e164": "+4930901820"}, {"phone_e164": "+14155550100"}, {"phone": "different"}),
        (
            {"phone_e164": "+493090182011", "company_name": "Acme"},
            {"phone_e164": "+493090182012", "company_name": "Acme GmbH"},
            {"phone": "neighbouring", "employer": "same"},
        ),
        ({"phone": "12"}, {"email": "a@b.example"}, {}),
        ({"job_title": "Head of Sales"}, {"job_title": "Sales, Head of"}, {"job_title": "similar"}),
    ],
)  # fmt: skip
def test_fields_are_compared_by_level(ours: dict[str, Any], theirs: dict[str, Any], expected: dict[str, str]) -> None:
    assert levels(ours, theirs) == levels(theirs, ours) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("john.smith@acme.example", "john.smith+crm@acme.example", ("email_there", "tagged")),
        ("john.smith@gmail.com", "johnsmith+crm@googlemail.com", ("email_elsewhere", "tagged")),
        ("john.smith+a@acme.example", "john.smith+b@acme.example", ("email_there", "tagged")),
        ("john.smith@gmail.com", "johnsmith@googlemail.com", ("email_elsewhere", "same_mailbox")),
        ("john.smith@acme.example", "jsmith@acme.example", ("email_there", "alias")),
        ("john.smith@acme.example", "john.smith2@acme.example", ("email_there", "numbered")),
        ("john.smith1@gmail.com", "john.smith2@gmail.com", ("email_elsewhere", "numbered")),
        ("john.smith1@gmail.com", "john.smith2@web.de", ("email_elsewhere", "other")),
        ("zeppelin@acme.example", "zepelin@acme.example", ("email_there", "typo")),
        ("rocket@acme.example", "john.smith@acme.example", ("email_there", "other_mailbox")),
        ("john.smith@acme.example", "john.smith@amce.example", ("email_elsewhere", "typo")),
        ("john.smith@acme.example", "john.smith@globex.example", ("email_elsewhere", "made_of_name")),
        ("rocketman@acme.example", "rocketman@gmail.com", ("email_elsewhere", "same_local")),
        ("rocketman@gmail.com", "tigerlily@web.de", ("email_elsewhere", "other")),
    ],
)
def test_addresses_are_compared_beside_the_name(ours: str, theirs: str, expected: tuple[str, str]) -> None:
    name = {"first_name": "John", "last_name": "Smith"}
    found = compare(person(**name, email=ours), person(**name, email=theirs), is_shared_phone=False)
    assert [(one.comparison, one.level) for one in found if one.field == "email"] == [expected]


def test_a_role_address_says_nothing_of_a_person_but_their_employer() -> None:
    found = levels({"email": "info@acme.example"}, {"email": "sales@acme.example"})
    assert found == {"employer": "same"}


def test_colleagues_of_like_names_are_not_a_slip_of_the_pen() -> None:
    jan = {"first_name": "Jan", "last_name": "Meier", "email": "jan.meier@acme.example"}
    jana = {"first_name": "Jana", "last_name": "Meier", "email": "jana.meier@acme.example"}
    assert levels(jan, jana)["email_there"] == "other_mailbox"


FILLERS = [
    *("0000000000", "123456789", "12", "999999", "447911", "(000) 000-0000", "1234567890", "0123456789", "9876543210"),
    *("030 1111111", "030 1234567", "+1 212 5555555", "+49 30 0000000", "+44 20 7654 3210", "11111", "+10000000000"),
]


@pytest.mark.parametrize("region", ["US", "DE", "GB", "IT"])
@pytest.mark.parametrize("phone", FILLERS)
def test_a_number_typed_to_fill_the_field_in_weighs_nothing(phone: str, region: str) -> None:
    """Two Maria Garcias with 0000000000 share no number."""
    number = {"phone": phone, "phone_e164": to_e164(phone, region)}
    if phone == "447911":  # damaged from 4.479E+11; where it could be dialled it is some other's whole number
        assert to_e164(phone, "US") is None
        number["phone_e164"] = None
    assert levels(number, number) == {}
    assert keys_of(person(**number)) == frozenset()
    assert terms_of(person(**number)) == {EVERYBODY}


@pytest.mark.parametrize("phone", ["+4930901820", "+12125550142", "+390612345670", "+16505556789", "+4915112223334"])
def test_a_number_of_one_line_weighs(phone: str) -> None:
    assert levels({"phone_e164": phone}, {"phone_e164": phone}) == {"phone": "exact"}


@pytest.mark.parametrize("value", ["0", "000", "12345", "N/A", "none", "-", "x"])
def test_a_custom_value_for_nothing_weighs_nothing(value: str) -> None:
    assert levels({"custom_data": {"member_no": value}}, {"custom_data": {"member_no": value}}) == {}
