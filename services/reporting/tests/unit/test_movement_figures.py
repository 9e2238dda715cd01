"""The movement report's arithmetic: rounding by largest remainder, rates that are missing, parts of one deal."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_reporting.exchange_rates.conversion import DatedRates, round_money
from crm_reporting.reports.movement.buckets import KEPT, Bucket
from crm_reporting.reports.movement.figures import Side, list_parts, round_parts, to_figures
from crm_reporting.reports.movement.rates import EndRates
from crm_shared.clock import new_id

MONDAY, FRIDAY = date(2026, 11, 2), date(2026, 11, 6)
STAGE = new_id()
HALF = {STAGE: 50}


def make_rates(currency: str = "EUR", **dated: tuple[str | None, str | None]) -> EndRates:
    """Make rates in euros, of both days."""
    by_day = {
        (code, day): Decimal(rate)
        for code, both in dated.items()
        for day, rate in zip((MONDAY, FRIDAY), both, strict=True)
        if rate is not None
    }
    return EndRates.of(DatedRates("EUR", by_day), currency, MONDAY, FRIDAY)


def keep(amount: str, currency: str = "EUR", *, stage_id: UUID = STAGE, count: int = 1) -> list[Side]:
    """Make both sides of deals that did not change."""
    return [
        Side(KEPT, is_end, stage_id, currency, count, count if Decimal(amount) else 0, Decimal(amount))
        for is_end in (False, True)
    ]


def read(figures: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    return {
        item["bucket"].value: (item["deal_count"], str(item["amount"]))
        for item in figures["items"]
        if item["deal_count"] or item["amount"]
    }


def test_what_the_rates_did_is_a_bucket() -> None:
    figures = to_figures(keep("100", "USD"), make_rates(USD=("0.90", "0.80")), HALF, HALF)
    assert figures["start"] == {"deal_count": 1, "amount": Decimal("90.00"), "weighted": Decimal("45.00")}
    assert read(figures) == {"fx": (1, "-10.00")}
    assert figures["end"]["amount"] == Decimal("80.00")


def test_rates_that_stood_still_move_nobody() -> None:
    assert read(to_figures(keep("100", "USD"), make_rates(USD=("0.9", "0.90")), HALF, HALF)) == {}
    rates = make_rates("USD", USD=("0.9", "0.45"), GBP=("1.2", "0.6"))
    assert rates.list_moved() == ["EUR"]
    assert read(to_figures(keep("100", "GBP"), rates, HALF, HALF)) == {}


def test_a_currency_without_a_rate_at_one_end_is_left_out_at_both() -> None:
    rates = make_rates(USD=("0.9", "0.9"), GBP=(None, "1.2"))
    sides = [*keep("100", "GBP"), *keep("10", "USD")]
    figures = to_figures(sides, rates, HALF, HALF)
    assert [figures[end]["amount"] for end in ("start", "end")] == [Decimal("9.00")] * 2
    assert [figures[end]["deal_count"] for end in ("start", "end")] == [2, 2]
    assert read(figures) == {}
    assert rates.find_missing({"GBP", "USD", "EUR"}) == {"GBP"}


def test_without_a_rate_of_its_own_a_report_counts_its_own_currency_alone() -> None:
    rates = make_rates("GBP", USD=("0.9", "0.8"), GBP=(None, "1.2"))
    assert rates.list_values() == {"GBP": Decimal(1)}
    assert rates.list_moved() == []
    assert (rates.to_start(Decimal(5), "GBP"), rates.to_end(Decimal(5), "USD")) == (Decimal(5), Decimal(0))
    assert rates.find_missing({"GBP"}) == set()
    assert rates.find_missing({"USD", "JPY"}) == {"GBP", "JPY"}


@pytest.mark.parametrize(
    ("kind", "start", "end", "expected"),
    [
        ("created", None, "50", {"created": "40"}),
        ("won", "50", None, {"won": "-45"}),
        ("increased", "100", "120", {"increased": "18", "fx": "-12"}),
        ("decreased", "120", "100", {"decreased": "-18", "fx": "-10"}),
        ("kept", "100", "100", {"fx": "-10"}),
    ],
)
def test_one_deal_in_dollars(kind: str, start: str | None, end: str | None, expected: dict[str, str]) -> None:
    rates = make_rates(USD=("0.90", "0.80"))
    parts: dict[str, Decimal] = {}
    for is_end, amount in ((False, start), (True, end)):
        if amount is not None:
            for bucket, part in list_parts(kind, Decimal(amount), "USD", rates, is_end=is_end):
                parts[bucket.value] = parts.get(bucket.value, Decimal(0)) + part
    assert parts == {name: Decimal(part) for name, part in expected.items()}


def make_parts(**amounts: str) -> dict[Bucket, Decimal]:
    return {bucket: Decimal(amounts.get(bucket.value, "0")) for bucket in Bucket}


def round_up(total: str, **amounts: str) -> dict[str, str]:
    rounded = round_parts(make_parts(**amounts), Decimal(total), "EUR")
    return {bucket.value: str(amount) for bucket, amount in rounded.items() if bucket.value in amounts}


def test_the_largest_remainders_get_the_cents() -> None:
    assert round_up("0.02", created="0.004", won="0.007", fx="0.009") == {
        "created": "0.00",
        "won": "0.01",
        "fx": "0.01",
    }
    assert round_up("0.01", created="0.005", restored="0.005") == {"created": "0.01", "restored": "0.00"}
    assert round_up("-0.01", won="-0.002", lost="-0.007") == {"won": "0.00", "lost": "-0.01"}


def test_ends_that_were_rounded_apart_are_met_all_the_same() -> None:
    # 0.005 is 0.00 and 0.015 is 0.02; 0.015 is 0.02 and 0.025 is 0.02
    assert round_up("0.02", created="0.01") == {"created": "0.02"}
    assert round_up("0.00", created="0.01", deleted="0") == {"created": "0.00", "deleted": "0.00"}


@given(
    parts=st.lists(st.integers(-(10**7), 10**7), min_size=11, max_size=11),
    start=st.integers(10**8, 10**9),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_parts_add_up_and_none_is_off_by_more_than_a_unit(parts: list[int], start: int, currency: str) -> None:
    exact = {bucket: Decimal(part).scaleb(-5) for bucket, part in zip(Bucket, parts, strict=True)}
    first = Decimal(start).scaleb(-5)
    total = round_money(first + sum(exact.values()), currency) - round_money(first, currency)
    rounded = round_parts(exact, total, currency)
    assert sum(rounded.values()) == total
    unit = Decimal(1).scaleb(-{"EUR": 2, "JPY": 0, "KWD": 3}[currency])
    for bucket, part in exact.items():
        assert abs(rounded[bucket] - part) <= unit
        assert part or not rounded[bucket]
