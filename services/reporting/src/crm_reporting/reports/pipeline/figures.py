"""The pipeline report's arithmetic. No I/O, no clock but the instant handed in."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates, exact_arithmetic
from crm_reporting.reports.money import DatedAmount, sum_converted, to_money
from crm_reporting.reports.rounding import to_days
from crm_reporting.reports.stages import ReportStage


@dataclass(frozen=True, slots=True)
class StageSum:
    """What the rollup holds of one stage in one currency, of open or of closed deals.

    The instants are sums of seconds since 1970.
    """

    stage_id: UUID
    currency: str
    is_closed: bool
    deal_count: int
    total_amount: Decimal
    created_epoch_s: Decimal
    stage_changed_epoch_s: Decimal


@dataclass(frozen=True, slots=True)
class ClosedSum:
    """What one stage's deals that closed on one day, or on days of the same rates, amount to, in one currency."""

    stage_id: UUID
    currency: str
    closed_on: date
    total_amount: Decimal


def date_amounts(
    sums: Iterable[StageSum], closed: Iterable[ClosedSum], currency: str, *, today: date
) -> Iterator[DatedAmount[UUID]]:
    """Yield every amount its day: open deals convert at `today`'s rate, closed ones at that of their closing.

    `closed` holds the closed deals of other currencies than the report's; of those in its own the day is all one.
    Nothing is nothing in every currency, so it takes no rate and is left out.
    """
    for stage_sum in sums:
        if stage_sum.total_amount and (not stage_sum.is_closed or stage_sum.currency == currency):
            yield DatedAmount(stage_sum.stage_id, stage_sum.total_amount, stage_sum.currency, today)
    for closed_sum in closed:
        if closed_sum.total_amount:
            yield DatedAmount(closed_sum.stage_id, closed_sum.total_amount, closed_sum.currency, closed_sum.closed_on)


def to_items(
    stages: Sequence[ReportStage],
    sums: Sequence[StageSum],
    amounts: Sequence[DatedAmount[UUID]],
    rates: DatedRates,
    currency: str,
    *,
    as_of: datetime,
) -> list[dict[str, Any]]:
    """Build the rows in the pipeline's order; a removed stage has one only while deals stand in it.

    Age runs from a deal's creation, and days in stage from its entry, to `as_of`, for closed deals too: that is
    what semantics.md's "since creation" says, and it makes one deal's age the same in every report of one moment.
    Averages are null without deals. Amounts without a rate are left out of the money, and `rates.missing` names
    their currencies.
    """
    with exact_arithmetic():
        totals = sum_converted(amounts, rates, currency)
        rows = [(stage, [found for found in sums if found.stage_id == stage.id]) for stage in stages]
        return [
            _to_item(stage, held, totals.get(stage.id, Decimal(0)), currency, as_of=as_of)
            for stage, held in rows
            if held or not stage.is_removed
        ]


def _to_item(
    stage: ReportStage, held: Sequence[StageSum], total: Decimal, currency: str, *, as_of: datetime
) -> dict[str, Any]:
    count = sum(found.deal_count for found in held)
    return {
        "stage_id": stage.id,
        "stage_name": stage.name,
        "kind": stage.kind,
        "deal_count": count,
        "total": to_money(total, currency),
        "weighted": to_money(total * stage.win_probability / 100, currency),
        "average_age_days": _average_days([found.created_epoch_s for found in held], count, as_of),
        "average_days_in_stage": _average_days([found.stage_changed_epoch_s for found in held], count, as_of),
    }


def _average_days(epoch_sums: Iterable[Decimal], count: int, as_of: datetime) -> float | None:
    """Average the time from `count` instants, given as sums of seconds since 1970, to `as_of`; null if it is broken."""
    sums = list(epoch_sums)
    if count == 0 or not all(epoch_sum.is_finite() for epoch_sum in sums):
        return None
    elapsed_s = Decimal(str(as_of.timestamp())) - sum(sums, Decimal(0)) / count
    return to_days(float(max(elapsed_s, Decimal(0))))
