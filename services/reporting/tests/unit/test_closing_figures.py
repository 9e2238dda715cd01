"""What groups of closed deals come to: order, averages, what is left out, velocity."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pydantic_core import from_json

from crm_reporting.exchange_rates.conversion import DatedRates
from crm_reporting.reports.closings.figures import ClosedGroup, WonSum, convert_won, order_groups, write_group
from crm_reporting.reports.leaderboard import figures as leaderboard
from crm_reporting.reports.rounding import to_days, to_rate
from crm_reporting.reports.velocity import figures as velocity
from crm_reporting.reports.win_rate import figures as win_rate
from crm_shared.clock import new_id
from crm_shared.json_text import to_json

DAY = date(2026, 11, 10)
ANN, BEA, CY = UUID(int=9), UUID(int=5), UUID(int=7)
NAMES = {ANN: "Ann", BEA: "Bea"}
NO_RATES = DatedRates("EUR", {})


def close(key: Any, won: int, lost: int = 0, *, cycle_s: int = 0, in_all: int = 0) -> ClosedGroup:
    return ClosedGroup(key, won, lost, Decimal(cycle_s), cycle_s / won if won else None, in_all)


def win(key: Any, amount: str, currency: str = "EUR", *, won: int = 1, with_amount: int = 1) -> WonSum:
    return WonSum(key, currency, DAY, won, with_amount, Decimal(amount))


def test_groups_stand_in_their_order() -> None:
    assert order_groups([None, CY, BEA, ANN], "owner", NAMES) == [ANN, BEA, CY, None]
    assert order_groups([None, "OUTBOUND", "INBOUND"], "source", {}) == ["OUTBOUND", "INBOUND", None]
    months = [date(2026, 11, 1), date(2025, 12, 1)]
    assert [write_group(month) for month in order_groups(months, "month", {})] == ["2025-12", "2026-11"]
    assert order_groups([None], "all", {}) == [None]


def test_an_average_is_of_the_deals_whose_money_is_known() -> None:
    rates = DatedRates("EUR", {("USD", DAY): Decimal("0.5")})
    sums = [
        win("a", "10"),
        win("a", "4", "USD"),
        win("a", "7", "GBP", won=3, with_amount=1),  # two without an amount, which count as 0
        win("a", "0", "CHF", won=2, with_amount=0),
        win("b", "7", "GBP"),
    ]
    money = convert_won(sums, rates, "EUR")
    assert (money["a"].won, money["a"].priced, money["a"].total, money["a"].average) == (7, 6, Decimal(12), Decimal(2))
    assert (money["b"].won, money["b"].average) == (1, None)
    assert rates.missing == {"GBP"}


def test_what_is_left_out_is_what_the_groups_do_not_hold() -> None:
    assert win_rate.count_left_out([]) == 0
    assert win_rate.count_left_out([close("Price", 0, 5, in_all=12), close(None, 0, 3, in_all=12)]) == 4


@pytest.mark.parametrize("broken", ["NaN", "Infinity", "-Infinity"])
def test_a_broken_sum_is_null_and_stands_last(broken: str) -> None:
    sums = [win(ANN, broken), win(BEA, "-0"), win(CY, "3")]
    board = leaderboard.to_items(sums, NO_RATES, "EUR", names=NAMES)
    assert [(item["owner_id"], item["won_amount"]) for item in board] == [
        (CY, Decimal("3.00")),
        (BEA, Decimal("0.00")),
        (ANN, None),
    ]
    groups = [close(ANN, 1, cycle_s=86_400)]
    [item] = win_rate.to_items(groups, sums[:1], NO_RATES, "EUR", grouping="owner", names=NAMES)
    assert item["average_won"] is None
    [item] = velocity.to_items({ANN: 1}, groups, sums[:1], NO_RATES, "EUR", grouping="owner", names=NAMES)
    assert (item["average_won"], item["velocity_per_day"], item["average_cycle_days"]) == (None, None, 1.0)
    from_json(to_json([*board, item]), allow_inf_nan=False)


def test_velocity_comes_from_unrounded_figures() -> None:
    """7 open x 1 / 3 won x 0.014 / (1 / 3) day = 0.098; of rounded figures it would be 0.07."""
    groups = [close(None, 1, 2, cycle_s=28_800)]
    sums = [win(None, "0.02", "USD")]
    rates = DatedRates("EUR", {("USD", DAY): Decimal("0.7")})
    [item] = velocity.to_items({None: 7}, groups, sums, rates, "EUR", grouping="all", names={})
    assert item == {
        "group": None,
        "deals": 7,
        "win_rate": 0.3333,
        "average_won": Decimal("0.01"),
        "average_cycle_days": 0.3333,
        "velocity_per_day": Decimal("0.10"),
    }


def test_open_deals_follow_from_what_came_and_went() -> None:
    months = [date(2026, month, 1) for month in (1, 2, 3)]
    changes = [velocity.OpenChange(None, 0, 5), velocity.OpenChange(None, 2, -3), velocity.OpenChange(None, 3, -2)]
    assert list(velocity.count_by_group(changes, None, "month", months).values()) == [5, 5, 2]
    assert list(velocity.count_by_group(changes, {None: 9}, "month", months).values()) == [5, 5, 9]
    assert list(velocity.count_by_group([], {}, "month", months[:1]).values()) == [0]
    assert velocity.count_by_group([], None, "month", []) == {}
    assert velocity.count_by_group([], None, "all", []) == {None: 0}
    assert velocity.count_by_group([], {ANN: 2}, "owner", []) == {ANN: 2}
    owners = [velocity.OpenChange(ANN, 0, 4), velocity.OpenChange(ANN, 1, -4)]
    assert velocity.count_by_group(owners, None, "owner", []) == {ANN: 4}


def test_months_of_a_window() -> None:
    assert velocity.list_months(date(2025, 12, 31), date(2026, 2, 3)) == [
        (date(2025, 12, 1), date(2025, 12, 31)),
        (date(2026, 1, 1), date(2026, 1, 31)),
        (date(2026, 2, 1), date(2026, 2, 3)),
    ]
    assert velocity.list_months(date(2026, 5, 2), date(2026, 5, 2)) == [(date(2026, 5, 1), date(2026, 5, 2))]
    assert velocity.list_months(date(2026, 5, 2), date(2026, 5, 1)) == [(date(2026, 5, 1), date(2026, 5, 1))]
    assert velocity.list_months(date(2026, 6, 1), date(2026, 5, 31)) == []


def test_rates_and_days_have_four_places() -> None:
    assert [to_rate(1, 3), to_rate(2, 3), to_rate(0, 0), to_rate(0, 5)] == [0.3333, 0.6667, None, 0.0]
    assert to_rate(1, 32) == 0.0312  # 0.03125, half to even
    assert [to_days(None), to_days(129_600), to_days(1)] == [None, 1.5, 0.0]


def test_ids_are_no_months() -> None:
    owner_id = new_id()
    assert [write_group(owner_id), write_group("2026-11-01"), write_group(None)] == [owner_id, "2026-11-01", None]
