"""Amounts as deals take them: exact, and in their currency's own digits."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from crm_deals.deals.board import to_totals
from crm_shared.money import Amount, digits_of, to_amount
from crm_shared.refusals import InvalidField

AMOUNT: TypeAdapter[Decimal] = TypeAdapter(Amount)


@pytest.mark.parametrize(
    ("given_amount", "currency", "kept"),
    [
        ("12500", "EUR", "12500.00"),
        ("12500.5", "EUR", "12500.50"),
        ("12500", "JPY", "12500"),
        ("12500.00", "JPY", "12500"),
        ("1.234", "KWD", "1.234"),
        ("0", "KWD", "0.000"),
        ("-0", "EUR", "0.00"),
        ("10000000000000", "EUR", "10000000000000.00"),
    ],
)
def test_an_amount_is_brought_to_its_currencys_digits(given_amount: str, currency: str, kept: str) -> None:
    assert str(to_amount(Decimal(given_amount), currency)) == kept


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("1.5", "JPY"),
        ("1.005", "EUR"),
        ("1.0005", "KWD"),
        ("1e-30", "EUR"),
        ("-0.01", "EUR"),
        ("10000000000000.01", "EUR"),
        ("1e999999", "EUR"),
        ("NaN", "EUR"),
        ("-Infinity", "EUR"),
    ],
)
def test_an_amount_that_is_none_names_its_field(amount: str, currency: str) -> None:
    with pytest.raises(InvalidField) as refused:
        to_amount(Decimal(amount), currency)
    assert [error.pointer for error in refused.value.errors] == ["/amount"]


@pytest.mark.parametrize("text", ["1_000", "١٢", " 5", "5 ", "+5", "", ".", "1e3", "NaN", "Infinity", True, False, []])
def test_what_only_python_would_read_as_a_number_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(text)


@pytest.mark.parametrize("code", ["XAU", "XXX", "eur", "EU", "EURO", ""])
def test_a_code_without_a_minor_unit_is_no_currency_of_a_price(code: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic takes any ValueError; its text is the library's
        digits_of(code)


@given(
    minor=st.integers(0, 10**13),
    currency=st.sampled_from(["JPY", "EUR", "KWD"]),
    probability=st.integers(0, 100),
)
def test_totals_are_exact_and_weighted_rounds_once(minor: int, currency: str, probability: int) -> None:
    total = Decimal(minor).scaleb(-digits_of(currency))
    [row] = to_totals([{"currency": currency, "count": 1, "total": total}], probability)
    assert row["total"] == total
    assert abs(row["weighted"] - total * probability / 100) <= Decimal("0.5").scaleb(-digits_of(currency))
    assert -row["weighted"].as_tuple().exponent == digits_of(currency)


@pytest.mark.parametrize("broken", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("win_probability", [0, 50])
def test_a_broken_sum_is_null_on_the_board(broken: str, win_probability: int) -> None:
    [total] = to_totals([{"currency": "EUR", "count": 2, "total": Decimal(broken)}], win_probability)
    assert total == {"currency": "EUR", "count": 2, "total": None, "weighted": None}
