"""The forecast's arithmetic. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates, exact_arithmetic
from crm_reporting.months import write_month
from crm_reporting.reports.forecast.queries import MonthSum
from crm_reporting.reports.money import DatedAmount, sum_converted, to_money

Key = tuple[date, str]
"""The month, and the column of the report."""


def date_amounts(
    sums: Sequence[MonthSum], probabilities: Mapping[UUID, int], *, today: date
) -> Iterator[DatedAmount[Key]]:
    """Yield every amount its column and its day: open deals convert at `today`'s rate, won ones at their closing's.

    `probabilities`: whole percents by stage.
    """
    with exact_arithmetic():
        for found in sums:
            if found.stage_id is None:
                yield DatedAmount((found.month, "committed"), found.amount, found.currency, found.closed_on or today)
                continue
            weighted = found.amount * probabilities.get(found.stage_id, 0) / 100
            yield DatedAmount((found.month, "open"), found.amount, found.currency, today)
            yield DatedAmount((found.month, "weighted"), weighted, found.currency, today)


def to_items(
    sums: Sequence[MonthSum], amounts: Sequence[DatedAmount[Key]], rates: DatedRates, currency: str
) -> list[dict[str, Any]]:
    """Build a row for each month that holds a deal. `total` is the sum of the printed figures."""
    totals = sum_converted(amounts, rates, currency)
    return [_to_item(month, sums, totals, currency) for month in sorted({found.month for found in sums})]


def _to_item(month: date, sums: Sequence[MonthSum], totals: Mapping[Key, Decimal], currency: str) -> dict[str, Any]:
    committed, weighted, unweighted = (
        to_money(totals.get((month, column), Decimal(0)), currency) for column in ("committed", "weighted", "open")
    )
    return {
        "month": write_month(month),
        "committed": committed,
        "weighted": weighted,
        "open": unweighted,
        "total": None if committed is None or weighted is None else committed + weighted,
        "deal_count": sum(found.deal_count for found in sums if found.month == month),
    }
