"""Precision and recall of matching on labelled contacts, beside two plain ways of finding duplicates."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from rapidfuzz.fuzz import token_sort_ratio

from benchmarks.duplicates.records import Contact
from crm_contacts.duplicates.keys import MAX_HOLDERS, keys_of, terms_of
from crm_contacts.duplicates.profiles import Profile, to_profile
from crm_contacts.duplicates.scoring import Frequencies, Score, score
from crm_contacts.duplicates.weights import WEIGHTS

CUSTOM_KEYS = frozenset({"member_number"})
Pair = tuple[UUID, UUID]


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
        return 2 * self.precision * self.recall / (self.precision + self.recall)


@dataclass(frozen=True)
class Labelled:
    """Contacts with their profiles, what each is counted, and which pairs are truly one person."""

    contacts: dict[UUID, Contact]
    profiles: dict[UUID, Profile]
    frequencies: Frequencies
    true_pairs: set[Pair]

    @classmethod
    def of(cls, contacts: Sequence[Contact]) -> "Labelled":
        profiles = {contact.id: to_profile(contact.to_row(), CUSTOM_KEYS) for contact in contacts}
        counts = Counter(term for profile in profiles.values() for term in terms_of(profile))
        by_person: dict[int, list[UUID]] = defaultdict(list)
        for contact in contacts:
            by_person[contact.person.number].append(contact.id)
        pairs = {ordered(*pair) for ids in by_person.values() for pair in combinations(ids, 2)}
        return cls({contact.id: contact for contact in contacts}, profiles, Frequencies(counts), pairs)

    def list_candidates(self) -> set[Pair]:
        """Give the pairs that share a key which is not too common, as the worker finds them by SQL."""
        holders: dict[int, list[UUID]] = defaultdict(list)
        for profile in self.profiles.values():
            for key in keys_of(profile):
                holders[key].append(profile.contact_id)
        return set(_pairs_within(holders.values()))

    def score(self, pair: Pair) -> Score:
        return score(self.profiles[pair[0]], self.profiles[pair[1]], self.frequencies)


def ordered(one: UUID, other: UUID) -> Pair:
    return (one, other) if one < other else (other, one)


def _pairs_within(groups: Iterable[Sequence[UUID]]) -> Iterator[Pair]:
    for ids in groups:
        if len(ids) <= MAX_HOLDERS:
            yield from (ordered(*pair) for pair in combinations(ids, 2))


def measure(labelled: Labelled) -> list[Outcome]:
    """Report AUTO, SUGGEST and both together, then exact matching and rapidfuzz."""
    candidates = labelled.list_candidates()
    scores = {pair: labelled.score(pair).score for pair in candidates}
    auto = {pair for pair, value in scores.items() if value > WEIGHTS.auto_above}
    both = {pair for pair, value in scores.items() if value >= WEIGHTS.suggest_from}
    return [
        _outcome("AUTO", auto, labelled),
        _outcome("SUGGEST", both - auto, labelled),
        _outcome("both bands", both, labelled),
        _outcome("exact: e-mail, phone or full name", set(_find_exact(labelled)), labelled),
        *(
            _outcome(f"rapidfuzz token_sort_ratio >= {at}", set(_find_similar(labelled, candidates, at)), labelled)
            for at in (85, 92)
        ),
    ]


def _outcome(name: str, found: set[Pair], labelled: Labelled) -> Outcome:
    return Outcome(name, len(found), len(found & labelled.true_pairs), len(labelled.true_pairs))


def _find_exact(labelled: Labelled) -> Iterator[Pair]:
    ways: list[Callable[[Contact], str | None]] = [
        lambda contact: contact.email and contact.email.lower(),
        lambda contact: contact.phone,
        lambda contact: f"{contact.first_name} {contact.last_name}".lower(),
    ]
    for way in ways:
        groups: dict[str, list[UUID]] = defaultdict(list)
        for contact in labelled.contacts.values():
            value = way(contact)
            if value:
                groups[value].append(contact.id)
        for ids in groups.values():
            yield from (ordered(*pair) for pair in combinations(ids, 2))


def _find_similar(labelled: Labelled, candidates: set[Pair], at_least: int) -> Iterator[Pair]:
    """Compare the whole record's text, for the pairs that matching looks at too: all pairs would take hours."""
    texts = {contact.id: _text_of(contact) for contact in labelled.contacts.values()}
    for one, other in candidates:
        if token_sort_ratio(texts[one], texts[other]) >= at_least:
            yield one, other


def _text_of(contact: Contact) -> str:
    parts = (contact.first_name, contact.last_name, contact.email, contact.phone)
    return " ".join(part for part in parts if part).lower()
