"""The win-rate report's arithmetic. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_reporting.exchange_rates.conversion import DatedRates
from crm_reporting.reports.closings.figures import (
    NOTHING_WON,
    ClosedGroup,
    Grouping,
    WonSum,
    convert_won,
    name_owner,
    order_groups,
    write_group,
)
from crm_reporting.reports.money import to_money
from crm_reporting.reports.rounding import to_days, to_rate


def to_items(
    groups: Sequence[ClosedGroup],
    sums: Sequence[WonSum],
    rates: DatedRates,
    currency: str,
    *,
    grouping: Grouping,
    names: Mapping[UUID, str],
) -> list[dict[str, Any]]:
    """Build a row for each group that something closed in. `names` are in people's order."""
    money = convert_won(sums, rates, currency)
    by_key = {group.group_key: group for group in groups}
    items = []
    for key in order_groups(by_key, grouping, names):
        group = by_key[key]
        average = money.get(key, NOTHING_WON).average
        items.append(
            {
                "group": write_group(key),
                **name_owner(key, grouping, names),
                "won": group.won,
                "lost": group.lost,
                "rate": to_rate(group.won, group.won + group.lost),
                "average_won": None if average is None else to_money(average, currency),
                "median_cycle_days": to_days(group.median_cycle_s),
            }
        )
    return items


def count_left_out(groups: Sequence[ClosedGroup]) -> int:
    """Count the deals of groups that are not among those given."""
    return groups[0].closed_in_all - sum(group.won + group.lost for group in groups) if groups else 0
