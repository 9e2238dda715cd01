"""Custom values level by level: dates by their parts, codes by their digits, texts by words and letters."""

from typing import Any

import pytest
from services.contacts.tests.unit.matching import NOBODY_ELSE, levels, person, scored

from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.keys import EVERYBODY, hashed_together, keys_of, terms_of
from crm_contacts.duplicates.scoring import Frequencies
from crm_contacts.duplicates.value_comparisons import level_of_values
from crm_contacts.duplicates.values import is_code, parts_of_date


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1984 03 12", "1984 03 12", ("custom_date", "same")),
        ("1984 03 12", "1984 03 17", ("custom_date", "slip")),
        ("1984 03 12", "1948 03 12", ("custom_date", "slip")),  # two digits in the wrong order
        ("1984 03 12", "19840317", ("custom_date", "slip")),
        ("1984 03 12", "1984 12 03", ("custom_date", "turned")),
        ("1984 03 12", "1984 03 30", ("custom_date", "near")),
        ("1984 03 12", "1967 03 12", ("custom_date", "near")),
        ("1984 03 12", "1984 07 25", ("custom_date", "same_year")),
        ("1984 03 12", "1951 07 25", ("custom_date", "different")),
        ("2600", "2600", ("custom_code", "same")),
        ("2600", "2060", ("custom_code", "slip")),
        ("26", "27", ("custom_code", "different")),
        ("2600", "4712", ("custom_code", "different")),
        ("m 77", "m 12", ("custom_code", "different")),
        ("sw1a 1aa", "sw1a 1ab", ("custom_code", "slip")),
        ("london", "lodnon", ("custom_text", "slip")),
        ("12 mill street", "12 mill streeet", ("custom_text", "slip")),
        ("12 mill street", "mill street 12 rear", ("custom_text", "alike")),
        ("london", "dnlono", ("custom_text", "alike")),
        ("london", "paris", ("custom_text", "different")),
        ("ab", "ac", ("custom_text", "different")),
    ],
)
def test_values_are_compared_by_what_they_look_like(one: str, other: str, expected: tuple[str, str]) -> None:
    assert level_of_values(one, other) == level_of_values(other, one) == expected


def test_what_a_value_is_is_read_off_it() -> None:
    assert parts_of_date("1984 03 12") == parts_of_date("19840312") == ("1984", "03", "12")
    assert parts_of_date("1984 03") == parts_of_date("19841399") == parts_of_date("") == ()
    assert [is_code(value) for value in ("2600", "m 77", "12 mill street", "london")] == [True, True, False, False]


def test_a_slip_in_a_date_speaks_for_the_pair_and_another_date_against_it() -> None:
    name = {"first_name": "John", "last_name": "Smith"}
    of = {day: name | {"custom_data": {"born": day}} for day in ("1984-03-12", "1984-03-13", "1951-07-25")}
    same, slip, other = (scored(of["1984-03-12"], theirs).score for theirs in of.values())
    assert same > slip > scored(name, name).score > other


def test_a_second_value_counts_by_what_it_adds() -> None:
    """At one postcode everybody lives in one city; with both counted in full two namesakes there would be one."""
    profile = person(custom_data={"city": "Ballina", "postcode": "2478"})
    found = {one.field: one for one in compare(profile, profile, is_shared_phone=False)}
    city, postcode = found["custom_data.city"], found["custom_data.postcode"]
    both = hashed_together(city.terms[0], postcode.terms[0])
    assert both in terms_of(profile)
    counts = {EVERYBODY: 10_000, city.terms[0]: 40, postcode.terms[0]: 30}
    apart, together = Frequencies(counts | {both: 2}), Frequencies(counts | {both: 30})
    assert apart.of_beside(city) < 0.005
    assert together.of_beside(city) > 0.9
    assert together.of_beside(postcode) == apart.of_beside(postcode) < 0.005  # the rarer one counts in full


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({"last_name": "Fry"}, {"last_name": "Frye"}, {"last_name": "similar"}),
        ({"last_name": "Fry"}, {"last_name": "Gry"}, {"last_name": "similar"}),
        ({"last_name": "Fry"}, {"last_name": "Ford"}, {"last_name": "different"}),
        ({"first_name": "Margaret"}, {"first_name": "Margreth"}, {"first_name": "close"}),
        ({"last_name": "Morrison"}, {"last_name": "Norrizon"}, {"last_name": "similar"}),
        (
            {"last_name": "Martha"}, {"first_name": "Martha", "last_name": "Okafor"},
            {"name_order": "swapped", "first_name": "exact"},
        ),
        (
            {"first_name": "Okafor"}, {"first_name": "Martha", "last_name": "Okafor"},
            {"name_order": "swapped", "last_name": "exact"},
        ),
        ({"first_name": "Martha"}, {"last_name": "Okafor"}, {}),
        (
            {"first_name": "Martha", "last_name": "Okafor"}, {"first_name": "Anna", "last_name": "Martha"},
            {"first_name": "different", "last_name": "different"},
        ),
    ],
)  # fmt: skip
def test_names_have_a_level_between_a_slip_and_another_and_may_stand_in_the_wrong_field(
    ours: dict[str, Any], theirs: dict[str, Any], expected: dict[str, str]
) -> None:
    assert levels(ours, theirs) == levels(theirs, ours) == expected


def test_a_slip_in_an_address_domain_is_not_another_employer() -> None:
    name = {"first_name": "Zebulon", "last_name": "Okonkwo"}
    ours, theirs, elsewhere = (
        name | {"email": f"rocketman@{domain}"} for domain in ("acme.example", "amce.example", "globex.example")
    )
    assert "employer" not in levels(ours, theirs)
    assert levels(ours, elsewhere)["employer"] == "different"
    at_work = {"company_name": "Acme"}, {"company_name": "Globex"}
    assert levels(ours | at_work[0], theirs | at_work[1])["employer"] == "different"


@pytest.mark.parametrize(
    ("ours", "theirs", "doubt"),
    [
        # Relatives at one address, whatever it is told by; a twin of one birthday; father and son of one name.
        ({"first_name": None}, {}, "too_little"),
        ({"first_name": "Ngozi"}, {}, "another_first_name"),
        ({"custom_data": {"born": "1951-07-25", "street": "9 Mill Road"}}, {}, "contradiction"),
        ({"custom_data": {"street": "9 Mill Road"}}, {}, None),
        ({"first_name": None, "phone_e164": "+4930901820"}, {"phone_e164": "+4930901820"}, None),
        ({"last_name": "Okonwko"}, {}, None),
    ],
)  # fmt: skip
def test_beside_the_score_a_pair_needs_enough_that_agrees(
    ours: dict[str, Any], theirs: dict[str, Any], doubt: str | None
) -> None:
    zebulon = {
        "first_name": "Zebulon", "last_name": "Okonkwo", "custom_data": {"born": "1984-03-12", "street": "9 Mill Road"},
    }  # fmt: skip
    if doubt == "too_little":
        ours = ours | {"custom_data": {"street": "9 Mill Road"}}
    result = scored(zebulon | ours, zebulon | theirs)
    doubts = {reason["comparison"] for reason in result.reasons if reason["weight"] == 0.0}
    if doubt is None:
        assert result.score > 0.85
    else:
        assert result.score <= 0.85
    assert doubts <= {doubt}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"first_name": "Zoë"}, {"first_name": "Zoe", "last_name": "Lam", "custom_data": {"city": "Ballina"}}),
        ({"first_name": "Ada", "last_name": "Fry"}, {"first_name": "Ada", "last_name": "Frye"}),
        ({"custom_data": {"born": "1984-03-12"}}, {"custom_data": {"born": "1984-12-03"}}),
        ({"custom_data": {"born": "1984-03-12"}}, {"custom_data": {"born": "1986-03-12"}}),
        ({"custom_data": {"born": "1984-03-12"}}, {"custom_data": {"born": "1984-11-29"}}),
        (
            {"first_name": "Martha", "last_name": "Okafor"}, {"first_name": "Martha", "last_name": "Okapi"},
        ),
    ],
)  # fmt: skip
def test_what_a_slip_leaves_alone_brings_two_together(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert keys_of(person(**ours)) & keys_of(person(**theirs))


def test_compared_findings_say_what_they_weigh_by() -> None:
    custom = {"custom_data": {"city": "Ballina", "born": "1984-03-12"}}
    found = {one.field: one for one in compare(person(**custom), person(**custom), is_shared_phone=False)}
    [(other, both)] = found["custom_data.city"].beside
    assert (other,) == found["custom_data.born"].terms
    assert both == hashed_together(other, found["custom_data.city"].terms[0])
    assert NOBODY_ELSE.count(both) == 0
