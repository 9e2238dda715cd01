"""What a tenant's own pairs teach, within bounds; and that reasons still add up to the score."""

from typing import Any

import pytest
from services.contacts.tests.unit.matching import NOBODY_ELSE, person

from crm_contacts.duplicates.lessons import NOTHING_LEARNT, Lessons, Tally
from crm_contacts.duplicates.scoring import score
from crm_contacts.duplicates.weights import WEIGHTS

NAME = {"first_name": "John", "last_name": "Smith"}
OURS, THEIRS = NAME | {"custom_data": {"city": "Ballina"}}, NAME | {"custom_data": {"city": "Lismore"}}
SAME_OR_NOT = WEIGHTS.levels["custom_text"]


def weights(lessons: Lessons, ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, float]:
    result = score(person(**ours), person(**theirs), NOBODY_ELSE, lessons)
    return {reason["field"]: reason["weight"] for reason in result.reasons}


@pytest.mark.parametrize(
    ("pairs", "contacts", "least", "most"),
    [
        (0, 0, 0.35, 0.35),  # as assumed
        (10, 20, 0.4, 0.6),  # a few pairs say little
        (0, 1_000_000, WEIGHTS.learning.fewest_duplicates, WEIGHTS.learning.fewest_duplicates),
        (2_000, 1_000, 5.0, 6.5),
        (10**9, 1_000, WEIGHTS.learning.most_duplicates, WEIGHTS.learning.most_duplicates),
    ],
)
def test_the_prior_follows_the_sure_pairs_smoothly_and_within_bounds(
    pairs: int, contacts: int, least: float, most: float
) -> None:
    assert least <= Lessons(pairs=pairs, contacts=contacts).duplicates_per_contact <= most


def test_more_pairs_make_all_pairs_likelier_and_relatives_too() -> None:
    few, many = Lessons(contacts=10_000, pairs=10), Lessons(contacts=10_000, pairs=9_000)
    assert weights(many, NAME, NAME)["prior"] > weights(few, NAME, NAME)["prior"] + 2
    assert many.kin_per_contact > few.kin_per_contact
    merged = Lessons(contacts=10_000, pairs=9_000, merged=9_000)  # what is merged is not there twice any more
    assert merged.duplicates_per_contact < many.duplicates_per_contact


def test_a_field_that_changes_within_one_person_weighs_less_when_it_differs() -> None:
    steady = Lessons(levels={"custom_data.city": {"same": 500}})
    loose = Lessons(levels={"custom_data.city": {"same": 250, "different": 250}})
    few = Lessons(levels={"custom_data.city": {"different": 2}})
    found = [weights(lessons, OURS, THEIRS)["custom_data.city"] for lessons in (steady, NOTHING_LEARNT, few, loose)]
    assert found == sorted(found)
    assert found[2] - found[1] < 1 < found[3] - found[1]
    other = Lessons(levels={"custom_data.street": {"different": 500}})
    assert weights(other, OURS, THEIRS) == weights(NOTHING_LEARNT, OURS, THEIRS)


@pytest.mark.parametrize("name", SAME_OR_NOT)
@pytest.mark.parametrize("count", [0, 10**9])
def test_what_is_learnt_of_a_level_is_bounded(name: str, count: int) -> None:
    level = SAME_OR_NOT[name]
    learnt = Lessons(levels={"custom_data.city": {name: count, "never": 10**6}}).of_same(
        "custom_data.city", name, level
    )
    times = WEIGHTS.learning.most_times
    assert level.same / times <= learnt <= min(level.same * times, WEIGHTS.learning.most_likely)


def test_reasons_say_what_they_were_learnt_from_and_add_up_to_the_score() -> None:
    lessons = Lessons(pairs=400, contacts=2_000, levels={"custom_data.city": {"same": 90, "slip": 10}})
    result = score(person(**OURS), person(**OURS), NOBODY_ELSE, lessons)
    learnt = {reason["field"]: reason["learnt_from"] for reason in result.reasons if "learnt_from" in reason}
    assert learnt == {"prior": 400, "custom_data.city": 100}
    bits = sum(reason["weight"] for reason in result.reasons)
    assert 1 / (1 + 2**-bits) == pytest.approx(result.score, abs=0.05)
    without = score(person(**OURS), person(**OURS), NOBODY_ELSE)
    assert not any("learnt_from" in reason for reason in without.reasons)


def test_of_a_field_only_pairs_tell_that_are_sure_without_it() -> None:
    tally = Tally()
    sure = {"field": "phone", "comparison": "exact", "weight": 12.0}
    city = {"field": "custom_data.city", "comparison": "different", "weight": -4.0}
    tally.add([sure, city])
    tally.add([{**sure, "weight": 2.0}, {**city, "comparison": "same", "weight": 9.0}])
    lessons = tally.to_lessons(pairs=2, merged=0, contacts=10)
    assert lessons.levels == {"custom_data.city": {"different": 1}}
    assert Lessons.from_json(lessons.to_json()) == lessons


def test_small_news_is_no_reason_for_a_review() -> None:
    known = Lessons(pairs=400, contacts=2_000, levels={"custom_data.city": {"same": 90}})
    assert not Lessons(pairs=420, contacts=2_050, levels={"custom_data.city": {"same": 95}}).differs_from(known)
    assert Lessons(pairs=1_200, contacts=2_000, levels=known.levels).differs_from(known)
    assert Lessons(pairs=400, contacts=2_000, levels={"custom_data.city": {"different": 90}}).differs_from(known)
