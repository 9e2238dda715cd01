"""Exchange rates at both ends of a span. No I/O."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from crm_reporting.exchange_rates.conversion import DatedRates

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class EndRates:
    """Base units for 1 unit of each currency that has a rate, at the start and at the end.

    A currency that lacks one at either end counts at neither, else its first rate would look like a change of deals.
    The report's own takes none.
    """

    currency: str
    at_start: Mapping[str, Decimal]
    at_end: Mapping[str, Decimal]

    @classmethod
    def of(cls, rates: DatedRates, currency: str, first_day: date, last_day: date) -> "EndRates":
        def on(day: date) -> dict[str, Decimal]:
            known = {code: rate for (code, dated), rate in rates.by_day.items() if dated == day}
            return {**known, rates.base_currency: ONE}

        return cls(currency, on(first_day), on(last_day))

    def to_start(self, amount: Decimal, currency: str) -> Decimal:
        """Convert at the rates of the start, unrounded; what has no rate at both ends comes to nothing."""
        return self._convert(amount, currency, self.at_start)

    def to_end(self, amount: Decimal, currency: str) -> Decimal:
        """Convert at the rates of the end; else as `to_start`."""
        return self._convert(amount, currency, self.at_end)

    def find_missing(self, currencies: Iterable[str]) -> set[str]:
        """Return the currencies whose rates converting these lacks: some of them, or the report's own."""
        wanted = {code for currency in currencies if currency != self.currency for code in (currency, self.currency)}
        return {code for code in wanted if not self._has_both(code)}

    def list_values(self) -> dict[str, Decimal]:
        """Return what currencies that count are worth at the start, in units of one and the same, exactly."""
        if not self._has_both(self.currency):
            return {self.currency: ONE}
        return {code: rate for code, rate in self.at_start.items() if self._has_both(code)}

    def list_moved(self) -> list[str]:
        """Name the currencies that count whose worth in the report's currency is not the same at both ends."""
        if not self._has_both(self.currency):
            return []
        own_start, own_end = self.at_start[self.currency], self.at_end[self.currency]
        return sorted(
            code
            for code, rate in self.at_start.items()
            if self._has_both(code) and rate * own_end != self.at_end[code] * own_start
        )

    def _has_both(self, code: str) -> bool:
        return code in self.at_start and code in self.at_end

    def _convert(self, amount: Decimal, currency: str, rates: Mapping[str, Decimal]) -> Decimal:
        if currency == self.currency:
            return amount
        if not self._has_both(currency) or not self._has_both(self.currency):
            return Decimal(0)
        return amount * rates[currency] / rates[self.currency]
