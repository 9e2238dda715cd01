"""One field's outcome when two contacts are compared: what scoring weighs and a reason tells."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One field's outcome: `comparison` and `level` name its figures in weights.toml.

    `terms`: the values whose commonest one's frequency counts, where the level weighs by frequency. `beside`: for each
    other value that the two share too, that value and both together, as who lives at one postcode lives in one city.
    """

    field: str
    comparison: str
    level: str
    terms: tuple[int, ...] = ()
    beside: tuple[tuple[int, int], ...] = ()
