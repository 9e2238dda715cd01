"""From findings to a score: how much likelier they are of one person than of two, and what each field gave."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crm_contacts.duplicates.comparisons import Finding, compare, shared_employers
from crm_contacts.duplicates.domain import Band
from crm_contacts.duplicates.keys import EVERYBODY, hashed
from crm_contacts.duplicates.profiles import LAST_DIGITS, Profile
from crm_contacts.duplicates.weights import OTHERS, WEIGHTS, Kind, Level

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
        """Give the share of contacts that have the commonest of these values, the pair itself not counted."""
        return max(self._one(term) for term in terms)

    def _one(self, term: int) -> float:
        others = max(self.count(term) - 2, 0)
        expected = COMMON.get(term, WEIGHTS.rare_frequency) * WEIGHTS.prior_strength
        share = (others + expected) / (self.contacts + WEIGHTS.prior_strength)
        return min(max(share, WEIGHTS.least_frequency), 1.0)


COMMON: Final = {hashed("name", name): share for name, share in WEIGHTS.common_names.items()}


def score(ours: Profile, theirs: Profile, frequencies: Frequencies) -> Score:
    """Say how likely the two are one person, given how common what they share is.

    Fellegi-Sunter against three kinds of different people at once: odds = 1 / sum of 1 / (odds against each kind). The
    reasons weigh against the likeliest of them, in bits: +1 doubles the odds.
    """
    phone_term = hashed("phone-term", ours.phone[-LAST_DIGITS:])
    findings = compare(ours, theirs, is_shared_phone=frequencies.count(phone_term) >= SHARED_PHONE_FROM)
    priors = _list_priors(ours, theirs, frequencies)
    weighed = {
        kind: prior + sum(_weigh(finding, kind, frequencies) for finding in findings) for kind, prior in priors.items()
    }
    likeliest = min(weighed, key=lambda kind: weighed[kind])
    bits_against = _add_in_bits(-bits for bits in weighed.values())
    probability = 1 / (1 + 2 ** min(bits_against, 1000.0))
    reasons = [
        {
            "field": finding.field,
            "comparison": finding.level,
            "weight": round(_weigh(finding, likeliest, frequencies), 2),
        }
        for finding in findings
    ]
    reasons.append({"field": "prior", "comparison": likeliest.value, "weight": round(priors[likeliest], 2)})
    if probability > WEIGHTS.auto_above and (doubt := _find_doubt(findings)) is not None:
        probability = WEIGHTS.auto_above
        reasons.append(doubt)
    return Score(round(probability, 4) if probability < WEIGHTS.auto_above else probability, reasons)


def _find_doubt(findings: Iterable[Finding]) -> dict[str, Any] | None:
    """Give why a person is to decide, however likely: something contradicts, or nothing beside the name agrees."""
    levels = {finding: _level(finding) for finding in findings}
    against = next((finding for finding, level in levels.items() if level.contradicts), None)
    if against is not None:
        return {"field": against.field, "comparison": "contradiction", "weight": 0.0}
    if not any(level.agrees for level in levels.values()):
        return {"field": "name", "comparison": "name_alone", "weight": 0.0}
    return None


def _list_priors(ours: Profile, theirs: Profile, frequencies: Frequencies) -> dict[Kind, float]:
    """Bits before any finding: other records of a person to people of that kind, for one contact."""
    expected = {
        Kind.STRANGER: float(max(frequencies.contacts, WEIGHTS.fewest_contacts)),
        Kind.KIN: WEIGHTS.kin_per_contact,
    }
    shared = shared_employers(ours, theirs)
    if shared:
        expected[Kind.COLLEAGUE] = float(max(frequencies.count(hashed("employer", one)) for one in shared) or 1)
    return {kind: math.log2(WEIGHTS.duplicates_per_contact / expected[kind]) for kind in OTHERS if kind in expected}


def _level(finding: Finding) -> Level:
    return WEIGHTS.levels[finding.comparison][finding.level]


def _weigh(finding: Finding, kind: Kind, frequencies: Frequencies) -> float:
    level = _level(finding)
    unlikely = level.probability.get(kind)
    if unlikely is None:
        unlikely = min((level.breadth or 1.0) * frequencies.of(finding.terms), 1.0)
    return math.log2(level.probability[Kind.SAME] / unlikely)


def _add_in_bits(bits: Iterable[float]) -> float:
    """Add numbers given as their log2, without leaving it: they span hundreds of bits."""
    given = list(bits)
    most = max(given)
    return most + math.log2(sum(2 ** (one - most) for one in given))
