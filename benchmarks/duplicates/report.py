"""The table of duplicates: how right matching is, beside other ways on the same contacts, and what it costs."""

from collections.abc import Iterator

from benchmarks.arena import Arena, Row
from benchmarks.duplicates import cost, splinking
from benchmarks.duplicates.quality import Crowd, Outcome, find_best, measure, outcome
from benchmarks.duplicates.records import make_contacts
from benchmarks.duplicates.registers import ARCHIVE_KEYS, REGISTER_KEYS, make_archive, make_register
from benchmarks.size import sized

PEOPLE, SEED = sized(20_000, tiny=200), 2
"""Another seed than the figures of weights.toml were counted on (1)."""
REGISTERED, IN_ARCHIVE, OTHER_SEED = *sized((1_500, 700), tiny=(60, 30)), 3
EVIDENCE = frozenset({"birth_date", "city"})

AUTO_PRECISION, BOTH_RECALL = 0.995, 0.85
SPLINK_SURE = 0.5


async def run(arena: Arena) -> list[Row]:
    business = Crowd.of(make_contacts(PEOPLE, SEED))
    rows = list(_report("business contacts", business, BOTH_RECALL))
    for name, crowd in _make_others():
        rows += _report(name, crowd, None)
        if splinking.is_installed():
            rows += _report_splink(name, crowd)
    return rows + await cost.run(arena)


def _make_others() -> Iterator[tuple[str, Crowd]]:
    register, archive = make_register(REGISTERED, OTHER_SEED), make_archive(IN_ARCHIVE, OTHER_SEED)
    for name, entries, keys in (("register", register, REGISTER_KEYS), ("archive", archive, ARCHIVE_KEYS)):
        yield f"{name}, all fields", Crowd.of(entries, keys)
        yield f"{name}, birth date and city", Crowd.of([entry.with_only(EVIDENCE) for entry in entries], EVIDENCE)


def _report(name: str, crowd: Crowd, least_recall: float | None) -> Iterator[Row]:
    outcomes = {found.name: found for found in measure(crowd)}
    about = f"of {len(crowd.rows):,} contacts, {len(crowd.true_pairs):,} true pairs"
    auto, suggest, both = (outcomes.pop(band) for band in ("AUTO", "SUGGEST", "both bands"))
    yield Row(f"duplicates in {name}, AUTO: precision {about}", _describe(auto), "", auto.precision, AUTO_PRECISION)
    yield Row(f"duplicates in {name}, SUGGEST", _describe(suggest), "")
    yield Row(f"duplicates in {name}, both bands: recall", _describe(both), "", both.recall, least_recall)
    for other in outcomes.values():
        yield _compare(name, both, other)


def _report_splink(name: str, crowd: Crowd) -> Iterator[Row]:
    scores = splinking.score_pairs(list(crowd.rows.values()))
    both = next(found for found in measure(crowd) if found.name == "both bands")
    sure = {pair for pair, probability in scores.items() if probability >= SPLINK_SURE}
    yield _compare(name, both, outcome(f"Splink >= {SPLINK_SURE}", sure, crowd))
    yield _compare(name, both, find_best("Splink", scores, crowd))


def _compare(name: str, both: Outcome, other: Outcome) -> Row:
    what = f"duplicates in {name}, F1 of both bands to another way's"
    return Row(what, f"F1 {both.f1:.3f}", f"{other.name}: {_describe(other)}", both.f1 / max(other.f1, 0.001), 1.0)


def _describe(outcome: Outcome) -> str:
    return f"P {outcome.precision:.4f}  R {outcome.recall:.3f}  F1 {outcome.f1:.3f}  ({outcome.found:,} pairs)"
