"""How far a dataset has come. It travels in dlt's own state: with the rows that it tells of, or not at all."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from crm_warehouse.source.rates import KnownRates
from crm_warehouse.star import TABLES

STATE_KEY: Final = "cursor"
EVERY_TENANT: Final = "all"


def digest_star() -> str:
    """Return what tells one form of the star schema from another: then every row is brought anew."""
    return hashlib.sha256(repr(TABLES).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cursor:
    """`since`: what a transaction before it wrote has been brought. `scope`: a tenant, or all.

    `database` is the cluster, database and timeline whose transactions `since` counts, `star` the schema's form,
    `counts` rows by table where the destination can't be asked.
    """

    scope: str
    database: str
    since: int
    star: str
    rates: KnownRates
    counts: Mapping[str, int] = field(default_factory=dict)

    def to_state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Cursor":
        rates = state["rates"]
        digests = {key: (until, digest) for key, (until, digest) in rates["digests"].items()}
        return cls(**{**state, "rates": KnownRates(rates["bases"], digests)})
