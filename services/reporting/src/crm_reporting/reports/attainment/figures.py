"""The attainment report's arithmetic. No I/O."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates, exact_arithmetic, round_money
from crm_reporting.reports.money import DatedAmount, sum_converted
from crm_reporting.reports.rounding import DECIMALS

NO_QUOTA: Final = "there is no quota"
NO_RATE: Final = "no rate converts the quota"
REACHED: Final = "the quota is reached"

_PLACES: Final = Decimal(1).scaleb(-DECIMALS)
_LAST: Final = 1.0
"""Where a row without an attainment stands: behind all that have one."""

UserAmounts = Sequence[DatedAmount[UUID]]


@dataclass(frozen=True, slots=True)
class Sums:
    """What the report is made of, each amount with its user and the day whose rate converts it."""

    quotas: UserAmounts
    won: UserAmounts
    open: UserAmounts

    @property
    def user_ids(self) -> list[UUID]:
        """Return everybody who has a quota, or a deal that was won or is open."""
        return sorted({dated.key for dated in self.amounts})

    @property
    def amounts(self) -> UserAmounts:
        return [*self.quotas, *self.won, *self.open]


def to_rows(
    sums: Sums, rates: DatedRates, currency: str, *, names: Mapping[UUID, str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Build a row for each user, best first, and the total: the sums of the rows, and their ratios.

    Ratios are made of the printed money, so that whoever divides it finds them. `names` are in people's order.
    """
    quotas, won, opened = (sum_converted(part, rates, currency) for part in (sums.quotas, sums.won, sums.open))
    without_rate = {dated.key for dated in sums.quotas if dated.amount} - quotas.keys()
    zero = Decimal(0)
    rows = [
        {
            "user_id": user_id,
            "user_name": names.get(user_id),
            **_to_figures(
                round_money(quotas.get(user_id, zero), currency),
                round_money(won.get(user_id, zero), currency),
                round_money(opened.get(user_id, zero), currency),
                lacks_rate=user_id in without_rate,
            ),
        }
        for user_id in sums.user_ids
    ]
    total = _to_figures(
        *(_add_up(rows, name, currency) for name in ("quota", "won", "open")), lacks_rate=bool(without_rate)
    )
    places = {user_id: place for place, user_id in enumerate(names)}
    return sorted(rows, key=lambda row: (*_standing(row), places.get(row["user_id"], len(places)))), total


def _add_up(rows: Iterable[Mapping[str, Any]], name: str, currency: str) -> Decimal:
    with exact_arithmetic():
        return round_money(sum((row[name] for row in rows), Decimal(0)), currency)


def _to_figures(quota: Decimal, won: Decimal, opened: Decimal, *, lacks_rate: bool) -> dict[str, Any]:
    """Divide what can be divided, and say of the rest why it can't be. `lacks_rate`: there is a quota, in vain."""
    reasons: dict[str, str] = {}
    if not quota:
        reasons = dict.fromkeys(("attainment", "coverage"), NO_RATE if lacks_rate else NO_QUOTA)
    elif won >= quota:
        reasons = {"coverage": REACHED}
    with exact_arithmetic():
        left = quota - won
    return {
        "quota": quota,
        "won": won,
        "attainment": None if "attainment" in reasons else _to_ratio(won, quota),
        "open": opened,
        "coverage": None if "coverage" in reasons else _to_ratio(opened, left),
        "reasons": reasons,
    }


def _to_ratio(part: Decimal, whole: Decimal) -> float:
    with exact_arithmetic():
        return float((part / whole).quantize(_PLACES, ROUND_HALF_EVEN))


def _standing(row: Mapping[str, Any]) -> tuple[float, Decimal]:
    """Compare rows by attainment, then by what was won; the best is the least."""
    return _LAST if row["attainment"] is None else -row["attainment"], -row["won"]


def to_csv_rows(rows: Collection[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each reason a column of its own."""
    names = ("attainment", "coverage")
    return [{**row, **{f"{name}_reason": row["reasons"].get(name) for name in names}} for row in rows]
