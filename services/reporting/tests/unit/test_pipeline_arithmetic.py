"""The pipeline report's arithmetic."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic_core import from_json

from crm_reporting.exchange_rates.conversion import DatedRates
from crm_reporting.reports.money import list_rates_wanted
from crm_reporting.reports.pipeline.figures import ClosedSum, StageSum, date_amounts, to_items
from crm_reporting.reports.stages import ReportStage
from crm_shared.clock import new_id
from crm_shared.json_text import to_json

TODAY = date(2026, 11, 22)
AS_OF = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOON_S = Decimal(int(AS_OF.timestamp()))
STAGE = ReportStage(new_id(), "Proposal", "OPEN", 50, is_removed=False)


def sum_up(currency: str, total: str, *, count: int = 1, is_closed: bool = False, age_s: int = 0) -> StageSum:
    epoch_s = (NOON_S - age_s) * count
    return StageSum(STAGE.id, currency, is_closed, count, Decimal(total), epoch_s, epoch_s)


def report(sums: list[StageSum], rates: DatedRates, currency: str = "EUR") -> dict[str, Any]:
    amounts = list(date_amounts(sums, [], currency, today=TODAY))
    [item] = to_items([STAGE], sums, amounts, rates, currency, as_of=AS_OF)
    return item


def test_the_largest_totals_are_exact() -> None:
    rates = DatedRates("EUR", {("GBP", TODAY): Decimal("0.005000000001")})
    item = report([sum_up("EUR", "9000000000000000000"), sum_up("GBP", "1")], rates)
    assert item["total"] == Decimal("9000000000000000000.01")  # with 28 digits a tie, and rounded down


def test_weighted_comes_from_the_unrounded_total() -> None:
    rates = DatedRates("EUR", {("USD", TODAY): Decimal("0.251")})
    item = report([sum_up("USD", "0.10")], rates)
    assert (item["total"], item["weighted"]) == (Decimal("0.03"), Decimal("0.01"))  # half of 0.0251; of 0.03: 0.02


def test_averages_weigh_every_deal_the_same() -> None:
    day_s = 86_400
    item = report(
        [sum_up("EUR", "1", count=3, age_s=day_s), sum_up("USD", "0", age_s=5 * day_s)], DatedRates("EUR", {})
    )
    assert (item["deal_count"], item["average_age_days"]) == (4, 2.0)


def test_an_instant_ahead_of_the_clock_is_no_negative_age() -> None:
    assert report([sum_up("EUR", "1", age_s=-5)], DatedRates("EUR", {}))["average_age_days"] == 0


def test_each_amount_asks_for_its_own_days_rates() -> None:
    sums = [sum_up("EUR", "5"), sum_up("USD", "5"), sum_up("USD", "7", is_closed=True), sum_up("CHF", "0")]
    closed = [ClosedSum(STAGE.id, "USD", date(2026, 1, 2), Decimal(7))]
    amounts = list(date_amounts(sums, closed, "EUR", today=TODAY))
    assert [(dated.currency, dated.on) for dated in amounts] == [
        ("EUR", TODAY),
        ("USD", TODAY),
        ("USD", date(2026, 1, 2)),
    ]
    assert set(list_rates_wanted(amounts, "EUR")) == {
        ("USD", TODAY),
        ("EUR", TODAY),
        ("USD", date(2026, 1, 2)),
        ("EUR", date(2026, 1, 2)),
    }


@pytest.mark.parametrize("broken", ["NaN", "Infinity", "-Infinity"])
def test_a_broken_sum_is_null_and_stops_no_report(broken: str) -> None:
    sound = sum_up("EUR", "5")
    rates = DatedRates("EUR", {("USD", TODAY): Decimal(2)})
    poison = Decimal(broken)
    item = report([sound, replace(sum_up("USD", "5"), created_epoch_s=poison)], rates)
    assert (item["average_age_days"], item["average_days_in_stage"], item["total"]) == (None, 0.0, Decimal("15.00"))
    others = [replace(sound, total_amount=poison, stage_changed_epoch_s=amount) for amount in (poison, -poison)]
    item = report([sound, *others, sum_up("USD", "-Infinity")], rates)
    assert (item["deal_count"], item["total"], item["weighted"], item["average_days_in_stage"]) == (4, None, None, None)
    assert item["average_age_days"] == 0.0
    from_json(to_json(item), allow_inf_nan=False)
