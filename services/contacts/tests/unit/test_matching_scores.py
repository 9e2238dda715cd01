"""Who is taken for one: scores, their reasons, the keys that bring two together, and a tenant's own weights."""

from typing import Any
from uuid import UUID

import pytest
from services.contacts.tests.unit.matching import person, scored

from crm_contacts.duplicates.domain import Band
from crm_contacts.duplicates.keys import EVERYBODY, hashed, keys_of, terms_of
from crm_contacts.duplicates.names import roots_of
from crm_contacts.duplicates.scoring import Frequencies
from crm_contacts.duplicates.weights import WEIGHTS, Kind, load_weights


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
        ({"phone_e164": "+4930901820"}, {"phone_e164": "+4930901820"}, Band.AUTO),
        ({"phone": "+4930901820"}, {"phone": "+4930901820"}, Band.SUGGEST),  # without its one form it identifies nobody
        ({"phone_e164": "+493090182011"}, {"phone_e164": "+493090182012"}, Band.SUGGEST),
        ({"email": "zeb@acme.example"}, {"email": "zeb+x@acme.example"}, Band.SUGGEST),
        ({"email": "zeb@acme.example"}, {"email": "zebb@amce.example"}, Band.SUGGEST),
        ({}, {}, Band.SUGGEST),  # however rare: a name alone is for a person to decide
        ({"company_domain": "acme.example"}, {"company_domain": "acme.example"}, Band.SUGGEST),
        ({"first_name": "Ngozi", "phone_e164": "+4930901820"}, {"phone_e164": "+4930901820"}, None),  # a household
        ({"first_name": "Ngozi", "email": "ngozi@okonkwo.example"}, {"email": "zeb@okonkwo.example"}, None),
        (
            {"last_name": "Okonkwo Sr.", "phone_e164": "+4930901820"},
            {"last_name": "Okonkwo Jr.", "phone_e164": "+4930901820"},
            None,
        ),
    ],
)
def test_who_is_taken_for_one(ours: dict[str, Any], theirs: dict[str, Any], band: Band | None) -> None:
    name = {"first_name": "Zebulon", "last_name": "Okonkwo"}
    assert scored(name | ours, name | theirs).band is band


ANNA = {"first_name": "Anna", "last_name": "Schmidt", "company_domain": "stahlbau-kern.example"}
SEPARATE = [
    (
        {"phone_e164": "+493055504711", "email": "anna.schmidt@stahlbau-kern.example", "job_title": "Controller"},
        {"phone_e164": "+493055504712", "email": "anna.schmidt2@stahlbau-kern.example", "job_title": "Welder"},
    ),
    (
        {"phone_e164": "+493055504711", "email": "anna.schmidt@stahlbau-kern.example"},
        {"phone_e164": "+493055504711", "email": "anna.schmidt2@stahlbau-kern.example"},
    ),
    (
        {"phone_e164": "+493055504711", "email": "anna.schmidt@stahlbau-kern.example", "custom_data": {"a": "M-77"}},
        {"phone_e164": "+493055504712", "email": "schmidt.anna@stahlbau-kern.example", "custom_data": {"a": "M-77"}},
    ),
    (
        {"phone_e164": "+493055504711", "email": "anna.schmidt@gmail.com"},
        {"phone_e164": "+493055504711", "email": "anna.schmidt2@gmail.com"},
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), SEPARATE)
def test_what_differs_by_a_digit_is_another_persons_whatever_agrees(
    ours: dict[str, Any], theirs: dict[str, Any]
) -> None:
    result = scored(ANNA | ours, ANNA | theirs)
    assert result.band is not Band.AUTO
    against = [reason for reason in result.reasons if reason["comparison"] in {"numbered", "neighbouring"}]
    assert against
    assert all(reason["weight"] < 0 for reason in against)


def test_only_a_tag_apart_is_suggested_whoever_it_is() -> None:
    """Whoever knows an address can write one more contact with it."""
    greta = {"first_name": "Greta", "last_name": "Lang", "email": "greta.lang@kundenwelt.example"}
    for planted in ({}, {"first_name": "Greta"}, {"first_name": "Greta", "last_name": "Lang", "job_title": "Buyer"}):
        found = scored(greta | {"job_title": "Buyer"}, {"email": "greta.lang+x@kundenwelt.example"} | planted)
        assert found.band is Band.SUGGEST


def test_a_tag_is_part_of_what_matching_looks_at() -> None:
    bare, tagged, other = [person(email=f"zoe{tag}@acme.example").fingerprint for tag in ("", "+a", "+b")]
    assert len({bare, tagged, other}) == 3


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
        ({"phone_e164": "+4930901820"}, {"phone": "030 901820", "phone_e164": "+4930901820"}),
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
