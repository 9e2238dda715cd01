"""Precision and recall of matching on labelled contacts, beside other ways of finding duplicates."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Final, Protocol
from uuid import UUID

from rapidfuzz.fuzz import token_sort_ratio

from crm_contacts.duplicates.domain import Band
from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.index import MAX_PARTNERS
from crm_contacts.duplicates.keys import MAX_HOLDERS, keys_of, terms_of
from crm_contacts.duplicates.lessons import NOTHING_LEARNT, Lessons, Tally
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_contacts.duplicates.scoring import Frequencies, Score, compare_pair, score_findings
from crm_contacts.duplicates.weights import WEIGHTS

LEARNINGS: Final = 2
CUSTOM_KEYS: Final = frozenset({"member_number"})
Pair = tuple[UUID, UUID]
Row = Mapping[str, Any]


class Labelled(Protocol):
    """A contact whose person is known: `entity` is the label, which matching never sees."""

    @property
    def id(self) -> UUID: ...

    @property
    def entity(self) -> int: ...

    def to_row(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """`found` pairs, of which `right` are one person's; `wanted` is how many there are to find."""

    name: str
    found: int
    right: int
    wanted: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.wanted

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.wanted)


@dataclass(frozen=True)
class Crowd:
    """Contacts' rows with their profiles, what each is counted, and which pairs are truly one person."""

    rows: dict[UUID, Row]
    profiles: dict[UUID, Profile]
    frequencies: Frequencies
    true_pairs: set[Pair]
    lessons: Lessons = NOTHING_LEARNT
    findings: dict[Pair, list[Finding]] = field(default_factory=dict)
    """What pairs were found to share: a pair is scored again with each lesson, and compared once."""

    @classmethod
    def of(cls, contacts: Sequence[Labelled], custom_keys: frozenset[str] = CUSTOM_KEYS) -> "Crowd":
        rows: dict[UUID, Row] = {contact.id: contact.to_row() for contact in contacts}
        profiles = {contact_id: to_profile(row, custom_keys) for contact_id, row in rows.items()}
        counts = Counter(term for profile in profiles.values() for term in terms_of(profile))
        by_entity: dict[int, list[UUID]] = defaultdict(list)
        for contact in contacts:
            by_entity[contact.entity].append(contact.id)
        pairs = {ordered(*pair) for ids in by_entity.values() for pair in combinations(ids, 2)}
        return cls(rows, profiles, Frequencies(counts), pairs)

    def list_candidates(self) -> set[Pair]:
        """Return the pairs that the worker finds by SQL: they share keys that are not too common, and are few."""
        holders: dict[int, list[UUID]] = defaultdict(list)
        for profile in self.profiles.values():
            for key in keys_of(profile):
                holders[key].append(profile.contact_id)
        shared: dict[UUID, Counter[UUID]] = defaultdict(Counter)
        for ids in holders.values():
            if len(ids) <= MAX_HOLDERS:
                for one in ids:
                    shared[one].update(ids)
        return {
            ordered(one, other)
            for one, others in shared.items()
            for other, _ in sorted(others.items(), key=lambda found: (-found[1], found[0]))[: MAX_PARTNERS + 1]
            if one != other
        }

    def score(self, pair: Pair) -> Score:
        ours, theirs = self.profiles[pair[0]], self.profiles[pair[1]]
        if pair not in self.findings:
            self.findings[pair] = compare_pair(ours, theirs, self.frequencies)
        return score_findings(self.findings[pair], ours, theirs, self.frequencies, self.lessons)

    def taught(self, candidates: Collection[Pair]) -> "Crowd":
        """Return the crowd with what the worker learns of it, as often as it would."""
        crowd = self
        for _ in range(LEARNINGS):
            sure = [found for pair in candidates if (found := crowd.score(pair)).band is Band.AUTO]
            tally = Tally()
            for found in sure:
                tally.add(found.reasons)
            lessons = tally.to_lessons(pairs=len(sure), merged=0, contacts=len(self.profiles))
            crowd = replace(crowd, lessons=lessons)
        return crowd


def ordered(one: UUID, other: UUID) -> Pair:
    return (one, other) if one < other else (other, one)


def measure(crowd: Crowd) -> list[Outcome]:
    """Report AUTO, SUGGEST and both together, after the worker learnt, then exact matching and rapidfuzz."""
    candidates = crowd.list_candidates()
    crowd = crowd.taught(candidates)
    return [
        *measure_bands(crowd, candidates),
        outcome("exact: e-mail, phone or full name", set(_find_exact(crowd)), crowd),
        find_best("rapidfuzz token_sort_ratio", _score_texts(crowd, candidates), crowd),
    ]


def measure_bands(crowd: Crowd, candidates: set[Pair]) -> list[Outcome]:
    scores = {pair: crowd.score(pair).score for pair in candidates}
    auto = {pair for pair, value in scores.items() if value > WEIGHTS.auto_above}
    both = {pair for pair, value in scores.items() if value >= WEIGHTS.suggest_from}
    return [outcome("AUTO", auto, crowd), outcome("SUGGEST", both - auto, crowd), outcome("both bands", both, crowd)]


def outcome(name: str, found: set[Pair], crowd: Crowd) -> Outcome:
    return Outcome(name, len(found), len(found & crowd.true_pairs), len(crowd.true_pairs))


def find_best(name: str, scores: Mapping[Pair, float], crowd: Crowd) -> Outcome:
    """Return what comes of the threshold with the best F1, which nobody who has no labels knows."""
    best, right = Outcome(name, 0, 0, len(crowd.true_pairs)), 0
    ranked = sorted(scores, key=lambda pair: -scores[pair])
    for found, pair in enumerate(ranked, start=1):
        right += pair in crowd.true_pairs
        is_last_of_its_score = found == len(ranked) or scores[ranked[found]] != scores[pair]
        here = Outcome(f"{name} >= {scores[pair]:.2f}", found, right, len(crowd.true_pairs))
        if is_last_of_its_score and here.f1 > best.f1:
            best = here
    return best


def _find_exact(crowd: Crowd) -> Iterator[Pair]:
    ways: list[Callable[[Row], str | None]] = [
        lambda row: row["email"] and row["email"].lower(),
        lambda row: row["phone"],
        lambda row: f"{row['first_name']} {row['last_name']}".lower(),
    ]
    for way in ways:
        groups: dict[str, list[UUID]] = defaultdict(list)
        for contact_id, row in crowd.rows.items():
            value = way(row)
            if value:
                groups[value].append(contact_id)
        for ids in groups.values():
            yield from (ordered(*pair) for pair in combinations(ids, 2))


def _score_texts(crowd: Crowd, candidates: set[Pair]) -> dict[Pair, float]:
    """Compare the whole record's text, for the pairs that matching looks at too: all pairs would take hours."""
    texts = {contact_id: _text_of(row) for contact_id, row in crowd.rows.items()}
    return {
        (one, other): token_sort_ratio(texts[one], texts[other], score_cutoff=40) for one, other in sorted(candidates)
    }


def _text_of(row: Row) -> str:
    named = ("first_name", "last_name", "email", "phone", "company_name", "job_title")
    parts = (*(row[name] for name in named), *row["custom_data"].values())
    return " ".join(str(part) for part in parts if part).lower()
