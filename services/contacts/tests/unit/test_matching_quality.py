"""Matching holds its targets on labelled contacts of a seed that no figure was counted on."""

from benchmarks.duplicates.quality import Labelled, measure
from benchmarks.duplicates.records import make_contacts

PEOPLE, SEED = 4_000, 20261122


def test_precision_and_recall() -> None:
    outcomes = {outcome.name: outcome for outcome in measure(Labelled.of(make_contacts(PEOPLE, SEED)))}

    auto, both = outcomes["AUTO"], outcomes["both bands"]
    assert auto.found > 300
    assert auto.precision >= 0.995
    assert both.recall >= 0.85
    plain = [outcome for name, outcome in outcomes.items() if name not in {"AUTO", "SUGGEST", "both bands"}]
    assert len(plain) == 3
    assert both.f1 > max(outcome.f1 for outcome in plain)


def test_the_same_seed_gives_the_same_contacts_and_labels_stay_out_of_sight() -> None:
    once, again = make_contacts(50, 3), make_contacts(50, 3)
    assert [contact.to_row() for contact in once] == [contact.to_row() for contact in again]
    assert make_contacts(50, 4)[0].to_row() != once[0].to_row()
    assert "person" not in once[0].to_row()
