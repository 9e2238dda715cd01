"""From findings to a score: how much likelier they are of one person than of two, and what each field gave."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from crm_contacts.duplicates.comparisons import compare, shared_employers
from crm_contacts.duplicates.domain import Band
from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.keys import EVERYBODY, hashed
from crm_contacts.duplicates.lessons import NOTHING_LEARNT, Lessons
from crm_contacts.duplicates.profiles import LAST_DIGITS, Profile
from crm_contacts.duplicates.review_reasons import find_review_reason
from crm_contacts.duplicates.weights import OTHERS, WEIGHTS, Kind

SHARED_PHONE_FROM: Final = 4
"""So many contacts with one number are a switchboard or a household and not the records of one person."""


@dataclass(frozen=True, slots=True)
class Score:
    """`score` is the probability, 0 to 1, that both are one person. Reasons hold no value of a field."""

    score: float
    reasons: list[dict[str, Any]]

    @property
    def band(self) -> Band | None:
        if self.score > WEIGHTS.auto_above:
            return Band.AUTO
        return Band.SUGGEST if self.score >= WEIGHTS.suggest_from else None


class Frequencies:
    """How common values are among a tenant's contacts, smoothed by the table of common names."""

    def __init__(self, counts: Mapping[int, int]) -> None:
        """Take contacts by term, that of all under `EVERYBODY`; a term that is missing counts 0."""
        self._counts = counts
        self.contacts = counts.get(EVERYBODY, 0)

    def count(self, term: int) -> int:
        return self._counts.get(term, 0)

    def of(self, terms: Iterable[int]) -> float:
        """Return the share of contacts that have the commonest of these values, the pair itself not counted."""
        return max(self._one(term) for term in terms)

    def of_beside(self, finding: Finding) -> float:
        """Return the share of contacts that have the value, among those with each rarer value shared beside it."""
        [term] = finding.terms
        alone = self._one(term)
        shares = [self._given(term, other, both) for other, both in finding.beside if self.is_rarer(other, term)]
        return max([alone, *shares])

    def is_rarer(self, one: int, other: int) -> bool:
        """Of several values that a pair shares the rarest counts in full, and the others by what they add to it."""
        return (self.count(one), one) < (self.count(other), other)

    def _given(self, term: int, other: int, both: int) -> float:
        strength = WEIGHTS.beside_strength
        others_with_both, others = max(self.count(both) - 2, 0), max(self.count(other) - 2, 0)
        return (others_with_both + strength * self._one(term)) / (max(others, others_with_both) + strength)

    def _one(self, term: int) -> float:
        others = max(self.count(term) - 2, 0)
        expected = COMMON.get(term, WEIGHTS.rare_frequency) * WEIGHTS.prior_strength
        share = (others + expected) / (self.contacts + WEIGHTS.prior_strength)
        return min(max(share, WEIGHTS.least_frequency), 1.0)


COMMON: Final = {hashed("name", name): share for name, share in WEIGHTS.common_names.items()}


def score(ours: Profile, theirs: Profile, frequencies: Frequencies, lessons: Lessons = NOTHING_LEARNT) -> Score:
    """Say how likely the two are one person, given how common what they share is and what the tenant's pairs taught.

    Fellegi-Sunter against three kinds of different people at once: odds = 1 / sum of 1 / (odds against each kind). The
    reasons weigh against the likeliest of them, in bits: +1 doubles the odds.
    """
    return score_findings(compare_pair(ours, theirs, frequencies), ours, theirs, frequencies, lessons)


def compare_pair(ours: Profile, theirs: Profile, frequencies: Frequencies) -> list[Finding]:
    """Say what the two agree and differ in, whatever the tenant's pairs taught."""
    phone_term = hashed("phone-term", ours.phone[-LAST_DIGITS:])
    return compare(ours, theirs, is_shared_phone=frequencies.count(phone_term) >= SHARED_PHONE_FROM)


def score_findings(
    findings: Sequence[Finding], ours: Profile, theirs: Profile, frequencies: Frequencies, lessons: Lessons
) -> Score:
    """Return `score` of two whose findings are known."""
    priors = _list_priors(ours, theirs, frequencies, lessons)
    weights = {kind: [_weigh(finding, kind, frequencies, lessons) for finding in findings] for kind in priors}
    weighed = {kind: prior + sum(weights[kind]) for kind, prior in priors.items()}
    likeliest = min(weighed, key=lambda kind: weighed[kind])
    bits_against = _add_in_bits(-bits for bits in weighed.values())
    probability = 1 / (1 + 2 ** min(bits_against, 1000.0))
    reasons = [
        _to_reason(finding.field, finding.level, weight, lessons.count_pairs(finding.field))
        for finding, weight in zip(findings, weights[likeliest], strict=True)
    ]
    reasons.append(_to_reason("prior", likeliest.value, priors[likeliest], lessons.pairs))
    if (
        probability > WEIGHTS.auto_above
        and (doubt := find_review_reason(dict(zip(findings, weights[likeliest], strict=True)))) is not None
    ):
        probability = WEIGHTS.auto_above
        reasons.append(_to_reason(*doubt, 0.0, 0))
    return Score(round(probability, 4) if probability < WEIGHTS.auto_above else probability, reasons)


def _to_reason(field: str, comparison: str, weight: float, pairs: int) -> dict[str, Any]:
    reason: dict[str, Any] = {"field": field, "comparison": comparison, "weight": round(weight, 2)}
    return reason | {"learnt_from": pairs} if pairs else reason


def _list_priors(ours: Profile, theirs: Profile, frequencies: Frequencies, lessons: Lessons) -> dict[Kind, float]:
    """Bits before any finding: other records of a person to people of that kind, for one contact."""
    expected = {
        Kind.STRANGER: float(max(frequencies.contacts, WEIGHTS.fewest_contacts)),
        Kind.KIN: lessons.kin_per_contact,
    }
    shared = shared_employers(ours, theirs)
    if shared:
        expected[Kind.COLLEAGUE] = float(max(frequencies.count(hashed("employer", one)) for one in shared) or 1)
    duplicates = lessons.duplicates_per_contact
    return {kind: math.log2(duplicates / expected[kind]) for kind in OTHERS if kind in expected}


def _weigh(finding: Finding, kind: Kind, frequencies: Frequencies, lessons: Lessons) -> float:
    level = WEIGHTS.levels[finding.comparison][finding.level]
    unlikely = level.probability.get(kind)
    if unlikely is None:
        share = frequencies.of_beside(finding) if finding.beside else frequencies.of(finding.terms)
        unlikely = min((level.breadth or 1.0) * share, 1.0)
    elif level.beside is not None and any(frequencies.is_rarer(one, finding.terms[0]) for one, _ in finding.beside):
        unlikely = max(unlikely, level.beside)
    return math.log2(lessons.of_same(finding.field, finding.level, level) / unlikely)


def _add_in_bits(bits: Iterable[float]) -> float:
    """Add numbers given as their log2, without leaving it: they span hundreds of bits."""
    given = list(bits)
    most = max(given)
    return most + math.log2(sum(2 ** (one - most) for one in given))
