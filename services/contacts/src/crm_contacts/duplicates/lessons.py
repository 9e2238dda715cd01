"""What a tenant's own pairs teach: how many duplicates a contact has, how often a custom field agrees in one person.

Rules only: where the pairs come from, and what is kept of them, is learning's.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from crm_contacts.duplicates.weights import WEIGHTS, Level

CUSTOM: Final = "custom_data."
NOTABLE_BITS: Final = 0.5
VALUE_LEVELS: Final = tuple(
    found
    for comparison, levels in WEIGHTS.levels.items()
    if comparison.startswith("custom_")
    for found in levels.items()
)
Tallies = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Lessons:
    """`pairs` are surely one person, and `merged` of them one contact by now; `contacts`: how many there are.

    `levels`: by reason's field and level, how many sure pairs came out so, each sure without that field.
    """

    pairs: int = 0
    merged: int = 0
    contacts: int = 0
    levels: Tallies = field(default_factory=dict)

    @property
    def duplicates_per_contact(self) -> float:
        """Return how many other records of one person a contact is expected to have.

        The assumed figure counts as much as `learning.contacts` contacts would; only some of the true pairs are sure.
        """
        given = WEIGHTS.learning
        found = (2 * self.pairs - self.merged) / given.sure_share + WEIGHTS.duplicates_per_contact * given.contacts
        share = found / (self.contacts + self.merged + given.contacts)
        return min(max(share, given.fewest_duplicates), given.most_duplicates)

    @property
    def kin_per_contact(self) -> float:
        """Return how many records of relatives a contact is expected to have: they are there as often as it is."""
        more = (1 + self.duplicates_per_contact) / (1 + WEIGHTS.duplicates_per_contact)
        return WEIGHTS.kin_per_contact * more

    def of_same(self, field_name: str, name: str, level: Level) -> float:
        """Return how likely the level is within one person, by this field's own pairs where there are enough."""
        assumed = level.same
        tally = self.levels.get(field_name)
        if not tally:
            return assumed
        strength, most = WEIGHTS.learning.pairs, WEIGHTS.learning.most_times
        learnt = (tally.get(name, 0) + strength * assumed) / (sum(tally.values()) + strength)
        return min(max(learnt, assumed / most), assumed * most, WEIGHTS.learning.most_likely)

    def count_pairs(self, field_name: str) -> int:
        return sum(self.levels.get(field_name, {}).values())

    def differs_from(self, other: "Lessons") -> bool:
        """Return whether scores would change by more than a little: then the tenant's contacts are worth a review."""
        if abs(math.log2(self.duplicates_per_contact / other.duplicates_per_contact)) > NOTABLE_BITS:
            return True
        fields = self.levels.keys() | other.levels.keys()
        return any(self._differs_in(name, other) for name in fields)

    def _differs_in(self, field_name: str, other: "Lessons") -> bool:
        ratios = (
            self.of_same(field_name, name, level) / other.of_same(field_name, name, level)
            for name, level in VALUE_LEVELS
        )
        return any(abs(math.log2(ratio)) > NOTABLE_BITS for ratio in ratios)

    def to_json(self) -> dict[str, Any]:
        return {"pairs": self.pairs, "merged": self.merged, "contacts": self.contacts, "levels": self.levels}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Self:
        return cls(given["pairs"], given["merged"], given["contacts"], given["levels"])


class Tally:
    """Counts what the reasons of sure pairs say of custom fields.

    Of a field only such pairs tell as would be sure without it; else it would be found to agree always.
    """

    def __init__(self) -> None:
        self._levels: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        bits = sum(reason["weight"] for reason in reasons)
        for reason in reasons:
            if reason["field"].startswith(CUSTOM) and bits - reason["weight"] >= WEIGHTS.learning.sure_bits:
                self._levels[reason["field"]][reason["comparison"]] += 1

    def to_lessons(self, *, pairs: int, merged: int, contacts: int) -> Lessons:
        return Lessons(pairs, merged, contacts, {name: dict(levels) for name, levels in self._levels.items()})


NOTHING_LEARNT: Final = Lessons()
