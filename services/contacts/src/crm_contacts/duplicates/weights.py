"""The figures of matching, read once from `weights.toml`, which says where each comes from."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Any, Final


class Kind(StrEnum):
    """What two records may be to each other. All but SAME are ways of being different people."""

    SAME = "same"
    STRANGER = "stranger"
    COLLEAGUE = "colleague"
    KIN = "kin"


OTHERS: Final = (Kind.STRANGER, Kind.COLLEAGUE, Kind.KIN)


@dataclass(frozen=True, slots=True)
class Level:
    """How likely a finding is among pairs of each kind, 0 to 1.

    `breadth`: among kinds without a figure it is the value's frequency times this. `beside`: among relatives and
    colleagues who share another value too, as who lives in one street lives in one town. `agrees`: it speaks for one
    person by itself; AUTO needs such a finding. `contradicts`: it speaks for two, and no AUTO goes past it.
    """

    probability: Mapping[Kind, float]
    breadth: float | None
    beside: float | None
    agrees: bool
    contradicts: bool

    @property
    def same(self) -> float:
        return self.probability[Kind.SAME]


@dataclass(frozen=True, slots=True)
class Learning:
    """How far a tenant's own pairs move the figures: see weights.toml."""

    contacts: float
    pairs: float
    sure_share: float
    fewest_duplicates: float
    most_duplicates: float
    most_times: float
    most_likely: float
    sure_bits: float


@dataclass(frozen=True, slots=True)
class Weights:
    """`levels` by comparison and finding. The pairs of each kind that a contact has are the priors."""

    levels: Mapping[str, Mapping[str, Level]]
    duplicates_per_contact: float
    kin_per_contact: float
    fewest_contacts: int
    least_frequency: float
    prior_strength: float
    beside_strength: float
    common_names: Mapping[str, float]
    rare_frequency: float
    free_mail_domains: frozenset[str]
    role_mailboxes: frozenset[str]
    words_for_nothing: frozenset[str]
    auto_above: float
    suggest_from: float
    learning: Learning


def load_weights() -> Weights:
    """Read the file. Raises KeyError or ValueError when it does not hold what it should."""
    found = tomllib.loads(files(__package__).joinpath("weights.toml").read_text("utf-8"))
    prior, frequency, bands = found["prior"], found["frequency"], found["bands"]
    return Weights(
        levels={field: _to_levels(field, levels) for field, levels in found["levels"].items()},
        duplicates_per_contact=prior["duplicates_per_contact"],
        kin_per_contact=prior["kin_per_contact"],
        fewest_contacts=prior["fewest_contacts"],
        least_frequency=frequency["least"],
        prior_strength=frequency["prior_strength"],
        beside_strength=frequency["beside_strength"],
        common_names=found["common_names"],
        rare_frequency=frequency["rare"],
        free_mail_domains=frozenset(found["mail"]["free_domains"]),
        role_mailboxes=frozenset(found["mail"]["roles"]),
        words_for_nothing=frozenset(found["custom"]["words_for_nothing"]),
        auto_above=bands["auto_above"],
        suggest_from=bands["suggest_from"],
        learning=Learning(**found["learning"]),
    )


def _to_levels(field: str, levels: Mapping[str, Mapping[str, Any]]) -> dict[str, Level]:
    return {name: _to_level(f"{field}.{name}", level) for name, level in levels.items()}


def _to_level(where: str, given: Mapping[str, Any]) -> Level:
    breadth = given.get("breadth")
    probability = {kind: float(given[kind]) for kind in Kind if kind in given or breadth is None}
    if not all(0 < value <= 1 and math.isfinite(value) for value in probability.values()):
        raise ValueError(f"{where}: a probability lies above 0 and is 1 at most")
    return Level(probability, breadth, given.get("beside"), given.get("agrees", False), given.get("contradicts", False))


WEIGHTS: Final = load_weights()
