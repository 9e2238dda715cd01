"""Matching holds its targets on labelled contacts of seeds that no figure was counted on."""

from collections.abc import Sequence

import pytest
from benchmarks.duplicates.quality import CUSTOM_KEYS, Crowd, Labelled, Outcome, measure
from benchmarks.duplicates.records import make_contacts
from benchmarks.duplicates.registers import ARCHIVE_KEYS, REGISTER_KEYS, make_archive, make_register

pytestmark = pytest.mark.slow

PEOPLE, SEED = 4_000, 20261122
EVIDENCE = frozenset({"birth_date", "city"})
BANDS = ("AUTO", "SUGGEST", "both bands")


def outcomes_of(contacts: Sequence[Labelled], keys: frozenset[str]) -> dict[str, Outcome]:
    return {outcome.name: outcome for outcome in measure(Crowd.of(contacts, keys))}


def require_better_than_others(outcomes: dict[str, Outcome]) -> None:
    others = [outcome for name, outcome in outcomes.items() if name not in BANDS]
    assert len(others) == 2
    assert outcomes["both bands"].f1 > max(outcome.f1 for outcome in others)


def test_kin_and_colleagues_stay_apart_and_business_contacts_are_found() -> None:
    outcomes = outcomes_of(make_contacts(PEOPLE, SEED), CUSTOM_KEYS)

    auto, both = outcomes["AUTO"], outcomes["both bands"]
    assert auto.precision >= 0.995
    assert auto.recall >= 0.47
    assert both.precision >= 0.89
    assert both.recall >= 0.85
    require_better_than_others(outcomes)


@pytest.mark.parametrize(
    ("keys", "least_auto", "least_both"),
    [(REGISTER_KEYS, 0.55, 0.88), (EVIDENCE, 0.42, 0.79)],
    ids=["all fields", "birth date and city"],
)
def test_members_of_the_public_typed_and_half_filled_in(
    keys: frozenset[str], least_auto: float, least_both: float
) -> None:
    entries = [entry.with_only(keys) for entry in make_register(250, SEED)]
    require_found(outcomes_of(entries, keys), least_auto, least_both)


@pytest.mark.parametrize(
    ("keys", "least_auto", "least_both"),
    [(ARCHIVE_KEYS, 0.6, 0.9), (EVIDENCE, 0.5, 0.8)],
    ids=["all fields", "birth date and city"],
)
def test_persons_out_of_books_read_by_scanners(keys: frozenset[str], least_auto: float, least_both: float) -> None:
    entries = [entry.with_only(keys) for entry in make_archive(110, SEED)]
    require_found(outcomes_of(entries, keys), least_auto, least_both)


def require_found(outcomes: dict[str, Outcome], least_auto: float, least_both: float) -> None:
    auto, both = outcomes["AUTO"], outcomes["both bands"]
    assert auto.precision >= 0.995
    assert auto.recall >= least_auto
    assert both.precision >= 0.95
    assert both.recall >= least_both
    require_better_than_others(outcomes)


def test_the_same_seed_gives_the_same_contacts_and_labels_stay_out_of_sight() -> None:
    for make in (make_contacts, make_register, make_archive):
        once, again = make(50, 3), make(50, 3)
        assert [contact.to_row() for contact in once] == [contact.to_row() for contact in again]
        assert make(50, 4)[0].to_row() != once[0].to_row()
        assert not {"person", "entity"} & once[0].to_row().keys()
