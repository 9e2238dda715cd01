"""Money of a report: each amount at its own day's rate, added up exactly, rounded once. No I/O."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Generic, TypeVar

from crm_reporting.exchange_rates.conversion import DatedCurrency, DatedRates, exact_arithmetic, round_money

KeyT = TypeVar("KeyT", bound=Hashable)

_NO_NUMBER = Decimal("NaN")


@dataclass(frozen=True, slots=True)
class DatedAmount(Generic[KeyT]):
    """An amount with the day whose rate converts it, and the row of the report that it belongs to."""

    key: KeyT
    amount: Decimal
    currency: str
    on: date


def list_rates_wanted(amounts: Iterable[DatedAmount[KeyT]], currency: str) -> Iterator[DatedCurrency]:
    """Name the rates that converting to `currency` takes. Nothing is nothing in every currency and takes none."""
    for dated in amounts:
        if dated.amount and dated.currency != currency:
            yield dated.currency, dated.on
            yield currency, dated.on


def sum_converted(amounts: Iterable[DatedAmount[KeyT]], rates: DatedRates, currency: str) -> dict[KeyT, Decimal]:
    """Add up by key, unrounded, what can be converted; `rates.missing` names the currencies of the rest."""
    totals: dict[KeyT, Decimal] = {}
    with exact_arithmetic():
        for dated in amounts:
            if not dated.amount:
                continue
            amount = dated.amount if dated.amount.is_finite() else _NO_NUMBER  # infinities that meet would raise
            converted = rates.convert(amount, dated.currency, currency, dated.on)
            if converted is not None:
                totals[dated.key] = totals.get(dated.key, Decimal(0)) + converted
    return totals


def to_money(amount: Decimal, currency: str) -> Decimal | None:
    """Round as money is; null for what is no number, which says that something is broken and stops no report."""
    return round_money(amount, currency) if amount.is_finite() else None
