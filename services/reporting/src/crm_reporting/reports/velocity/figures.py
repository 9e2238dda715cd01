"""The velocity report's arithmetic. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates, exact_arithmetic
from crm_reporting.months import first_day_of, last_day_of, next_month
from crm_reporting.reports.closings.figures import (
    NOTHING_WON,
    ClosedGroup,
    Group,
    Grouping,
    WonMoney,
    WonSum,
    convert_won,
    name_owner,
    order_groups,
    write_group,
)
from crm_reporting.reports.money import to_money
from crm_reporting.reports.rounding import DAY_S, to_days, to_rate

NOTHING_CLOSED = ClosedGroup(None, 0, 0, Decimal(0), None, 0)


@dataclass(frozen=True, slots=True)
class OpenChange:
    """By how many open deals the moment number `step`, from 0 on, differs from the one before it."""

    group_key: UUID | None
    step: int
    change: int


def list_months(first: date, last: date) -> list[tuple[date, date]]:
    """Return the months of the window: each one's first day, and its last day that is in the window."""
    months = []
    month = first_day_of(first)
    while month <= last:
        months.append((month, min(last, last_day_of(month))))
        month = next_month(month)
    return months


def count_by_group(
    changes: Sequence[OpenChange], now: Mapping[UUID | None, int] | None, grouping: Grouping, months: Sequence[date]
) -> dict[Group, int]:
    """Return the open deals by group. A month is a step, but for the last one where there is `now`."""
    if grouping == "month":
        by_step = {change.step: change.change for change in changes}
        standing = [] if now is None else [sum(now.values())]
        past = accumulate(by_step.get(step, 0) for step in range(len(months) - len(standing)))
        return dict(zip(months, [*past, *standing], strict=True))
    counts: dict[Group, int] = {change.group_key: change.change for change in changes if change.step == 0}
    counts.update((now or {}).items())
    return counts if grouping == "owner" else {None: counts.get(None, 0)}


def to_items(
    open_deals: Mapping[Group, int],
    groups: Sequence[ClosedGroup],
    sums: Sequence[WonSum],
    rates: DatedRates,
    currency: str,
    *,
    grouping: Grouping,
    names: Mapping[UUID, str],
) -> list[dict[str, Any]]:
    """Build a row for each group that something was open or closed in. `names` are in people's order."""
    money = convert_won(sums, rates, currency)
    closed: dict[Group, ClosedGroup] = {group.group_key: group for group in groups}
    keys = order_groups({**dict.fromkeys(open_deals), **dict.fromkeys(closed)}, grouping, names)
    return [
        {
            "group": write_group(key),
            **name_owner(key, grouping, names),
            **dict(
                _list_figures(
                    open_deals.get(key, 0), closed.get(key, NOTHING_CLOSED), money.get(key, NOTHING_WON), currency
                )
            ),
        }
        for key in keys
    ]


def _list_figures(deals: int, closed: ClosedGroup, money: WonMoney, currency: str) -> Iterator[tuple[str, Any]]:
    average = money.average
    velocity = _to_velocity(deals, closed, money)
    yield "deals", deals
    yield "win_rate", to_rate(closed.won, closed.won + closed.lost)
    yield "average_won", None if average is None else to_money(average, currency)
    yield "average_cycle_days", to_days(float(closed.total_cycle_s / closed.won)) if closed.won else None
    yield "velocity_per_day", None if velocity is None else to_money(velocity, currency)


def _to_velocity(deals: int, closed: ClosedGroup, money: WonMoney) -> Decimal | None:
    """Multiply the unrounded figures, and divide once. Null where one of them is, and where cycles took no time."""
    if not money.priced or not closed.total_cycle_s:
        return None
    with exact_arithmetic():
        product = deals * closed.won * money.total * DAY_S * closed.won
        return product / ((closed.won + closed.lost) * money.priced * closed.total_cycle_s)
