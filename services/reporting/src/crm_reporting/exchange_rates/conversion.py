"""Converts amounts by dated rates. No I/O: the rates are read before, see `queries.load_rates`."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from crm_shared.money import digits_of

PRECISION_DIGITS = 60
"""Far more than 10^13 times a million deals times a rate needs: nothing is rounded before the end."""

DatedCurrency = tuple[str, date]


def exact_arithmetic() -> AbstractContextManager[Context]:
    """Let Decimal keep PRECISION_DIGITS in the block; by itself it keeps 28, which the largest totals outgrow."""
    return localcontext(prec=PRECISION_DIGITS)


@dataclass(slots=True)
class DatedRates:
    """Rates of one base currency: base units for 1 unit of a currency, by the day asked about.

    `missing` collects the currencies that a conversion wanted and that had no rate on or before the day.
    """

    base_currency: str
    by_day: Mapping[DatedCurrency, Decimal]
    missing: set[str] = field(default_factory=set)

    def convert(self, amount: Decimal, source: str, target: str, on: date) -> Decimal | None:
        """Convert without rounding; None when a rate is missing, which `missing` then names."""
        if source == target:
            return amount
        source_rate, target_rate = self._find(source, on), self._find(target, on)
        if source_rate is None or target_rate is None:
            return None
        with exact_arithmetic():
            return amount * source_rate / target_rate

    def _find(self, currency: str, on: date) -> Decimal | None:
        if currency == self.base_currency:
            return Decimal(1)
        rate = self.by_day.get((currency, on))
        if rate is None:
            self.missing.add(currency)
        return rate


def round_money(amount: Decimal, currency: str) -> Decimal:
    """Round half-even to the currency's own digits: the last thing done to a figure, and done once."""
    with exact_arithmetic():
        return amount.quantize(Decimal(1).scaleb(-digits_of(currency)), ROUND_HALF_EVEN)
