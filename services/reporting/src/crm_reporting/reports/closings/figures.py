"""What the groups of closed deals come to. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates, exact_arithmetic
from crm_reporting.months import write_month
from crm_reporting.reports.money import DatedAmount, sum_converted

Grouping = Literal["all", "owner", "month", "source", "lost_reason"]
Group = UUID | date | str | None
"""An owner's id, a month's first day, a source, a reason. None: without any, or all in one."""


@dataclass(frozen=True, slots=True)
class ClosedGroup:
    """How many deals of a group were won and lost, and how long the won ones took from creation to closing.

    `closed_in_all`: deals of all groups, those that are not given too.
    """

    group_key: Group
    won: int
    lost: int
    total_cycle_s: Decimal
    median_cycle_s: float | None
    closed_in_all: int


@dataclass(frozen=True, slots=True)
class ClosedSum:
    """Deals of one stretch of days that closed alike, in one currency. `number` is None where no moment is known.

    The owner and the stage are None where they were not asked for. `total_cycle_s`: from creation to closing.
    """

    number: int | None
    owner_id: UUID | None
    stage_id: UUID | None
    status: str
    currency: str
    deal_count: int
    valued_count: int
    total_amount: Decimal
    total_cycle_s: Decimal


@dataclass(frozen=True, slots=True)
class WonSum:
    """What a group's won deals come to, in one currency and closed on one day."""

    group_key: Group
    currency: str
    closed_on: date
    won: int
    with_amount: int
    total_amount: Decimal

    def to_dated(self) -> DatedAmount[Group]:
        return DatedAmount(self.group_key, self.total_amount, self.currency, self.closed_on)


@dataclass(frozen=True, slots=True)
class WonMoney:
    """What was won in a group, unrounded. `priced`: deals that `total` speaks of, without an amount or with a rate."""

    won: int
    priced: int
    total: Decimal

    @property
    def average(self) -> Decimal | None:
        """What one deal comes to, unrounded: of those that `total` speaks of."""
        if self.priced == 0:
            return None
        with exact_arithmetic():
            return self.total / self.priced


NOTHING_WON = WonMoney(0, 0, Decimal(0))


def to_groups(keyed: Iterable[tuple[Group, ClosedSum]], medians: Mapping[Group, float]) -> list[ClosedGroup]:
    """Put the groups' sums together; without a median, as of a report that prints none, it is None."""
    counted: dict[Group, tuple[int, int, Decimal]] = {}
    for key, found in keyed:
        won, lost, cycle_s = counted.get(key, (0, 0, Decimal(0)))
        if found.status == "WON":
            counted[key] = won + found.deal_count, lost, cycle_s + found.total_cycle_s
        else:
            counted[key] = won, lost + found.deal_count, cycle_s
    in_all = sum(won + lost for won, lost, _ in counted.values())
    return [ClosedGroup(key, *figures, medians.get(key), in_all) for key, figures in counted.items()]


def convert_won(sums: Sequence[WonSum], rates: DatedRates, currency: str) -> dict[Group, WonMoney]:
    """Add up by group what was won; `rates.missing` names the currencies without a rate."""
    totals = sum_converted((won.to_dated() for won in sums), rates, currency)
    counts: dict[Group, tuple[int, int]] = {}
    for won in sums:
        is_known = not won.total_amount or _has_rate(won, rates, currency)
        before = counts.get(won.group_key, (0, 0))
        counts[won.group_key] = (before[0] + won.won, before[1] + won.won - (0 if is_known else won.with_amount))
    return {key: WonMoney(*counted, totals.get(key, Decimal(0))) for key, counted in counts.items()}


def _has_rate(won: WonSum, rates: DatedRates, currency: str) -> bool:
    return rates.convert(Decimal(1), won.currency, currency, won.closed_on) is not None


def order_groups(keys: Iterable[Group], grouping: Grouping, names: Mapping[UUID, str]) -> list[Group]:
    """Put months as they follow and owners as `names` have them, who is not there behind; others stay. None is last."""
    if grouping == "owner":
        places: dict[Group, int] = {user_id: place for place, user_id in enumerate(names)}
        return sorted(keys, key=lambda key: (key is None, places.get(key, len(places)), str(key)))
    if grouping == "month":
        return sorted(keys, key=str)
    return sorted(keys, key=lambda key: key is None)


def write_group(key: Group) -> UUID | str | None:
    """Write a group as reports name it: a month as 2026-11."""
    return write_month(key) if isinstance(key, date) else key


def name_owner(key: Group, grouping: Grouping, names: Mapping[UUID, str]) -> dict[str, str | None]:
    """Return the field that a report by owner has beside the group, and others have not."""
    return {"owner_name": names.get(key) if isinstance(key, UUID) else None} if grouping == "owner" else {}
