"""The leaderboard's arithmetic. No I/O."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates
from crm_reporting.reports.closings.figures import WonSum, convert_won, name_owner, order_groups
from crm_reporting.reports.money import to_money

_NO_AMOUNT = Decimal(-1)


def to_items(
    sums: Sequence[WonSum], rates: DatedRates, currency: str, *, names: Mapping[UUID, str]
) -> list[dict[str, Any]]:
    """Build a row for each owner who has won a deal, best first. `names` are in people's order."""
    money = convert_won(sums, rates, currency)
    items: list[dict[str, Any]] = [
        {
            "owner_id": key,
            **name_owner(key, "owner", names),
            "won_count": money[key].won,
            "won_amount": to_money(money[key].total, currency),
        }
        for key in order_groups(money, "owner", names)
    ]
    return sorted(items, key=_standing, reverse=True)


def _standing(item: Mapping[str, Any]) -> tuple[Decimal, int]:
    """Compare printed amounts; sorting by it in reverse leaves rows that are equal in the order of their names."""
    return (_NO_AMOUNT if item["won_amount"] is None else item["won_amount"], item["won_count"])
