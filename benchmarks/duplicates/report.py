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
    rows = [row for name, crowd in make_crowds() for row in _report(name, crowd)]
    return rows + await cost.run(arena)


def make_crowds() -> Iterator[tuple[str, Crowd]]:
    """Yield each set of labelled contacts with its name."""
    yield "business contacts", Crowd.of(make_contacts(PEOPLE, SEED))
    register, archive = make_register(REGISTERED, OTHER_SEED), make_archive(IN_ARCHIVE, OTHER_SEED)
    for name, entries, keys in (("register", register, REGISTER_KEYS), ("archive", archive, ARCHIVE_KEYS)):
        yield f"{name}, all fields", Crowd.of(entries, keys)
        yield f"{name}, birth date and city", Crowd.of([entry.with_only(EVIDENCE) for entry in entries], EVIDENCE)


def find_outcomes(crowd: Crowd) -> list[Outcome]:
    """Return AUTO, SUGGEST and both bands, then the other ways: exact, rapidfuzz, and Splink where it is installed."""
    found = measure(crowd)
    if splinking.is_installed():
        scores = splinking.score_pairs(list(crowd.rows.values()))
        sure = {pair for pair, probability in scores.items() if probability >= SPLINK_SURE}
        found += [outcome(f"Splink >= {SPLINK_SURE}", sure, crowd), find_best("Splink", scores, crowd)]
    return found


def _report(name: str, crowd: Crowd) -> Iterator[Row]:
    auto, suggest, both, *others = find_outcomes(crowd)
    about = f"of {len(crowd.rows):,} contacts, {len(crowd.true_pairs):,} true pairs"
    least_recall = BOTH_RECALL if name.startswith("business") else None
    yield Row(f"duplicates in {name}, AUTO: precision {about}", _describe(auto), "", auto.precision, AUTO_PRECISION)
    yield Row(f"duplicates in {name}, SUGGEST", _describe(suggest), "")
    yield Row(f"duplicates in {name}, both bands: recall", _describe(both), "", both.recall, least_recall)
    for other in others:
        what = f"duplicates in {name}, F1 of both bands to another way's"
        yield Row(what, f"F1 {both.f1:.3f}", f"{other.name}: {_describe(other)}", both.f1 / max(other.f1, 0.001), 1.0)


def _describe(outcome: Outcome) -> str:
    return f"P {outcome.precision:.4f}  R {outcome.recall:.3f}  F1 {outcome.f1:.3f}  ({outcome.found:,} pairs)"


def main() -> None:
    """Print precision, recall and F1 of each band and each other way as one table, without engines and costs."""
    print("| set | way | pairs | precision | recall | F1 |\n|---|---|---|---|---|---|")
    for name, crowd in make_crowds():
        about = f"{name}: {len(crowd.rows):,} contacts, {len(crowd.true_pairs):,} true pairs"
        for way in find_outcomes(crowd):
            figures = f"{way.found:,} | {way.precision:.4f} | {way.recall:.3f} | {way.f1:.3f}"
            print(f"| {about} | {way.name} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
