"""Money: an exact decimal amount in the digits of its ISO 4217 currency."""

import re
from decimal import Decimal
from typing import Annotated

from iso4217 import Currency as IsoCurrency
from pydantic import AfterValidator, BeforeValidator, Field

from crm_shared.refusals import InvalidField

MAX_AMOUNT = Decimal(10) ** 13
_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)


def digits_of(currency: str) -> int:
    """Return the decimals that ISO 4217 gives a currency: JPY 0, EUR 2, KWD 3. Raises ValueError for no currency."""
    exponent = IsoCurrency(currency).exponent
    if exponent is None:  # gold, testing codes and the like have no minor unit, and are nobody's price
        raise ValueError(f"{currency} is not a currency that a price can have")
    return int(exponent)


def to_amount(value: Decimal, currency: str, *, pointer: str = "/amount") -> Decimal:
    """Bring `value` to the currency's own digits: 12500 EUR becomes 12500.00.

    Raises InvalidField when it is negative, above 10^13 or has more decimals than the currency.
    """
    if not value.is_finite():
        raise InvalidField.at(pointer, "is not a number")
    if value.is_signed() and value != 0:
        raise InvalidField.at(pointer, "must not be negative")
    if value > MAX_AMOUNT:
        raise InvalidField.at(pointer, "must not be above 10000000000000")
    digits = digits_of(currency)
    exact = abs(value).quantize(Decimal(1).scaleb(-digits))
    if exact != value:
        raise InvalidField.at(pointer, f"has more decimals than {currency} has ({digits})")
    return exact


def _check_currency(code: str) -> str:
    digits_of(code)
    return code


def _require_decimal(value: object) -> object:
    """Refuse what Decimal would read but nobody means: true, `1_000`, digits of other scripts."""
    if isinstance(value, bool) or (isinstance(value, str) and not _DECIMAL.fullmatch(value)):
        raise ValueError("takes a decimal string or a number")
    return value


CurrencyCode = Annotated[str, AfterValidator(_check_currency), Field(examples=["EUR"])]
"""An ISO 4217 code in capitals, of a currency with a minor unit."""

DecimalNumber = Annotated[Decimal, BeforeValidator(_require_decimal)]
"""A decimal string or JSON number."""

Amount = Annotated[DecimalNumber, Field(max_digits=40, examples=["12500.00"])]
"""What `to_amount` holds against its currency."""
