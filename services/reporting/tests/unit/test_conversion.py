"""Dated rates."""

from datetime import date
from decimal import Decimal

import pytest

from crm_reporting.exchange_rates.conversion import DatedRates, round_money

DAY = date(2026, 11, 22)


def make_rates() -> DatedRates:
    return DatedRates("EUR", {("USD", DAY): Decimal("0.9"), ("JPY", DAY): Decimal("0.007")})


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [("EUR", "EUR", "100"), ("USD", "EUR", "90"), ("EUR", "USD", "111.11"), ("USD", "JPY", "12857.14")],
)
def test_an_amount_goes_by_way_of_the_base(source: str, target: str, expected: str) -> None:
    converted = make_rates().convert(Decimal(100), source, target, DAY)
    assert converted is not None
    assert round(converted, 2) == Decimal(expected)


def test_the_same_currency_takes_no_rate() -> None:
    rates = make_rates()
    assert rates.convert(Decimal(1), "CHF", "CHF", DAY) == 1
    assert rates.missing == set()


def test_every_missing_currency_is_named() -> None:
    rates = make_rates()
    assert rates.convert(Decimal(1), "CHF", "SEK", DAY) is None
    assert rates.convert(Decimal(1), "USD", "EUR", date(2026, 11, 21)) is None
    assert rates.missing == {"CHF", "SEK", "USD"}


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [("0.125", "EUR", "0.12"), ("0.135", "EUR", "0.14"), ("2.5", "JPY", "2"), ("1", "KWD", "1.000")],
)
def test_money_is_rounded_half_even_to_its_digits(amount: str, currency: str, expected: str) -> None:
    assert str(round_money(Decimal(amount), currency)) == expected


def test_a_million_deals_of_the_largest_amount_are_exact() -> None:
    amount = Decimal("9999999999999.99") * 1_000_000
    converted = DatedRates("EUR", {("USD", DAY): Decimal("1.000000000001")}).convert(amount, "USD", "EUR", DAY)
    assert converted == Decimal("9999999999999.99") * 1_000_000 + Decimal("9999999999999.99") / 1_000_000
