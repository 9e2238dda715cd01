"""What two contacts say of each other: names, comparisons, keys, and the weights that a tenant's values have."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from crm_contacts.duplicates.comparisons import compare
from crm_contacts.duplicates.domain import Band
from crm_contacts.duplicates.keys import EVERYBODY, hashed, keys_of, terms_of
from crm_contacts.duplicates.names import Name, fold, is_nickname, roots_of, to_name
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_contacts.duplicates.scoring import Frequencies, Score, score
from crm_contacts.duplicates.weights import WEIGHTS, Kind, load_weights

NOBODY_ELSE = Frequencies({EVERYBODY: 10_000})


def person(**fields: Any) -> Profile:
    """Make a profile of a contact that has these fields and no other."""
    names = ("first_name", "last_name", "email", "phone", "phone_e164", "company_id", "company_name", "company_domain")
    row = {**dict.fromkeys((*names, "job_title")), "id": uuid4(), "version": 1, "custom_data": {}, **fields}
    return to_profile(row, frozenset(row["custom_data"]))


def levels(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, str]:
    return {found.comparison: found.level for found in compare(person(**ours), person(**theirs), is_shared_phone=False)}


def scored(ours: dict[str, Any], theirs: dict[str, Any], frequencies: Frequencies = NOBODY_ELSE) -> Score:
    return score(person(**ours), person(**theirs), frequencies)


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
        ({"phone_e164": "+4930901820"}, {"phone": "030 901820"}, {"phone": "exact"}),
        ({"phone_e164": "+493090182011"}, {"phone_e164": "+493090182012"}, {"phone": "near"}),
        ({"phone_e164": "+4930901820"}, {"phone_e164": "+14155550100"}, {"phone": "different"}),
        ({"phone": "12"}, {"email": "a@b.example"}, {}),
        ({"job_title": "Head of Sales"}, {"job_title": "Sales, Head of"}, {"job_title": "similar"}),
    ],
)  # fmt: skip
def test_fields_are_compared_by_level(ours: dict[str, Any], theirs: dict[str, Any], expected: dict[str, str]) -> None:
    assert levels(ours, theirs) == levels(theirs, ours) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("john.smith@acme.example", "john.smith+crm@acme.example", ("email_there", "same_mailbox")),
        ("john.smith@gmail.com", "johnsmith@googlemail.com", ("email_elsewhere", "same_mailbox")),
        ("john.smith@acme.example", "jsmith@acme.example", ("email_there", "alias")),
        ("john.smith@acme.example", "john.smith2@acme.example", ("email_there", "other_mailbox")),
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


def test_a_shared_name_says_less_the_commoner_it_is() -> None:
    counts = {
        EVERYBODY: 50_000,
        hashed("name", "john"): 900,
        hashed("name", "smith"): 500,
        hashed("name", "zebulon"): 2,
    }
    frequencies = Frequencies(counts)
    common, rare = (
        {"first_name": first, "last_name": last} for first, last in (("John", "Smith"), ("Zebulon", "Okonkwo"))
    )
    assert scored(common, common, frequencies).score < 0.2
    assert scored(rare, rare, frequencies).score > 0.6


def test_before_a_tenant_has_counts_a_common_names_table_speaks() -> None:
    nobody = Frequencies({})
    assert nobody.of([hashed("name", "smith")]) > 100 * nobody.of([hashed("name", "okonkwo")])
    many = Frequencies({EVERYBODY: 1_000_000, hashed("name", "smith"): 12})
    assert many.of([hashed("name", "smith")]) < nobody.of([hashed("name", "smith")]) / 50


def test_a_number_that_many_have_is_a_switchboard() -> None:
    one = {"first_name": "Zebulon", "last_name": "Okonkwo", "phone_e164": "+4930901820"}
    other = {**one, "first_name": "Z."}
    term = hashed("phone-term", "30901820")
    private = scored(one, other, Frequencies({EVERYBODY: 10_000, term: 2}))
    switchboard = scored(one, other, Frequencies({EVERYBODY: 10_000, term: 40}))
    assert private.score > switchboard.score
    assert "shared" in {reason["comparison"] for reason in switchboard.reasons}


@pytest.mark.parametrize(
    ("ours", "theirs", "band"),
    [
        ({"phone": "+4930901820"}, {"phone": "+4930901820"}, Band.AUTO),
        ({"email": "zeb@acme.example"}, {"email": "zebb@amce.example"}, Band.SUGGEST),
        ({}, {}, Band.SUGGEST),  # however rare: a name alone is for a person to decide
        ({"company_domain": "acme.example"}, {"company_domain": "acme.example"}, Band.SUGGEST),
        ({"first_name": "Ngozi", "phone": "+4930901820"}, {"phone": "+4930901820"}, None),  # a household
        ({"first_name": "Ngozi", "email": "ngozi@okonkwo.example"}, {"email": "zeb@okonkwo.example"}, None),
        (
            {"last_name": "Okonkwo Sr.", "phone": "+4930901820"},
            {"last_name": "Okonkwo Jr.", "phone": "+4930901820"},
            None,
        ),
    ],
)
def test_who_is_taken_for_one(ours: dict[str, Any], theirs: dict[str, Any], band: Band | None) -> None:
    name = {"first_name": "Zebulon", "last_name": "Okonkwo"}
    assert scored(name | ours, name | theirs).band is band


def test_a_used_custom_field_is_evidence_and_its_value_no_part_of_the_reason() -> None:
    name = {"first_name": "John", "last_name": "Smith"}
    with_number = scored(name | {"custom_data": {"member_no": "M-77"}}, name | {"custom_data": {"member_no": "m 77"}})
    without = scored(name, name)
    assert without.score < with_number.score
    assert "77" not in str(with_number.reasons)
    against = scored(name | {"custom_data": {"member_no": "M-77"}}, name | {"custom_data": {"member_no": "M-12"}})
    assert against.score < without.score


def test_reasons_add_up_to_no_less_than_the_score() -> None:
    result = scored({"first_name": "Zoë", "last_name": "Okonkwo"}, {"first_name": "Zoe", "last_name": "Okonkwo"})
    bits = sum(reason["weight"] for reason in result.reasons)
    assert 1 / (1 + 2**-bits) >= result.score  # the likeliest of the ways to be two; the others take a little more


def test_scores_are_symmetric_and_probabilities() -> None:
    fields = [
        {"first_name": "John", "last_name": "Smith", "email": "j@acme.example"},
        {"first_name": "Smith", "last_name": "John", "phone": "+4930901820"},
        {"email": "john.smith@acme.example"},
        {"phone": "12"},
        {"first_name": "磊", "last_name": "黄"},
    ]
    for ours in fields:
        for theirs in fields:
            there, back = scored(ours, theirs), scored(theirs, ours)
            assert there.score == pytest.approx(back.score)
            assert 0 <= there.score <= 1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"first_name": "Zoë", "last_name": "Müller"}, {"first_name": "Zoe", "last_name": "Mueller"}),
        ({"first_name": "Müller", "last_name": "Zoë"}, {"first_name": "Zoë", "last_name": "Müller"}),
        ({"first_name": "Bob", "last_name": "Okonkwo"}, {"first_name": "Robert", "last_name": "Okonkwo"}),
        ({"email": "zoe.okonkwo@acme.example"}, {"first_name": "Zoë", "last_name": "Okonkwo"}),
        ({"phone": "030 901820"}, {"phone_e164": "+4930901820"}),
        ({"email": "rocketman@acme.example"}, {"email": "rocketman@gmail.com"}),
        (
            {"first_name": "Zoë", "company_domain": "acme.example"},
            {"first_name": "Zoe", "last_name": "X", "email": "zo@acme.example"},
        ),
    ],
)
def test_likely_pairs_share_a_key(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert keys_of(person(**ours)) & keys_of(person(**theirs))


def test_keys_are_few_and_hold_no_text() -> None:
    whole = person(
        first_name="Chris", last_name="Okonkwo", email="chris@acme.example", phone="+4930901820",
        company_id=UUID(int=1), company_name="Acme GmbH", company_domain="acme.example", custom_data={"a": "b"},
    )  # fmt: skip
    keys = keys_of(whole)
    assert len(keys) <= 40
    assert all(0 < key < 2**63 for key in keys | (terms_of(whole) - {EVERYBODY}))
    assert keys_of(person()) == frozenset()


def test_the_fingerprint_changes_with_what_matching_looks_at() -> None:
    fields = {"first_name": "Zoë", "last_name": "Okonkwo", "email": "zoe@acme.example"}
    same = [person(**fields), person(**fields, version=7), person(**{**fields, "first_name": "ZOE"})]
    assert len({one.fingerprint for one in same}) == 1
    assert person(**fields, job_title="Buyer").fingerprint != same[0].fingerprint


def test_weights_have_a_figure_for_each_kind() -> None:
    weights = load_weights()
    assert weights == WEIGHTS
    for comparison, found in weights.levels.items():
        for name, level in found.items():
            missing = set(Kind) - level.probability.keys()
            assert not missing or level.breadth is not None, f"{comparison}.{name}"
    assert roots_of("bob") >= {"bob", "robert"}
