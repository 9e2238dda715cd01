"""The table of duplicates: how right matching is, beside two plain ways on the same contacts, and what it costs."""

from benchmarks.arena import Arena, Row
from benchmarks.duplicates import cost
from benchmarks.duplicates.quality import Labelled, Outcome, measure
from benchmarks.duplicates.records import make_contacts
from benchmarks.size import sized

PEOPLE, SEED = sized(20_000, tiny=200), 2
"""Another seed than the figures of weights.toml were counted on (1)."""

AUTO_PRECISION, BOTH_RECALL = 0.995, 0.85


async def run(arena: Arena) -> list[Row]:
    labelled = Labelled.of(make_contacts(PEOPLE, SEED))
    outcomes = {outcome.name: outcome for outcome in measure(labelled)}
    about = f"of {len(labelled.contacts):,} contacts, {len(labelled.true_pairs):,} true pairs"
    auto, suggest, both = (outcomes.pop(name) for name in ("AUTO", "SUGGEST", "both bands"))
    rows = [
        Row(f"duplicates, AUTO: precision {about}", _describe(auto), "", auto.precision, AUTO_PRECISION),
        Row("duplicates, SUGGEST", _describe(suggest), ""),
        Row("duplicates, both bands: recall", _describe(both), "", both.recall, BOTH_RECALL),
        *(Row("duplicates, F1 of both bands to a plain way's", f"F1 {both.f1:.3f}", f"{plain.name}: {_describe(plain)}",
              both.f1 / plain.f1, 1.0) for plain in outcomes.values()),
    ]  # fmt: skip
    return rows + await cost.run(arena)


def _describe(outcome: Outcome) -> str:
    return f"P {outcome.precision:.4f}  R {outcome.recall:.3f}  F1 {outcome.f1:.3f}  ({outcome.found:,} pairs)"
