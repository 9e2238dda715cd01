"""Which values tell one person from another: what people type to fill a field in does not."""

from functools import lru_cache
from itertools import pairwise
from typing import Final

import phonenumbers

from crm_contacts.duplicates.caches import CACHED
from crm_contacts.duplicates.weights import WEIGHTS

SUBSCRIBER_DIGITS: Final = 7
"""A number of which so many last digits are alike or run on was typed to fill the field in, whatever its area code."""


@lru_cache(maxsize=CACHED)
def identifying_digits(phone_e164: str | None) -> str:
    """Return the digits of a number that stands for one line; nothing for none, and for `0000000` or `1234567`."""
    if phone_e164 is None:
        return ""
    try:
        parsed = phonenumbers.parse(phone_e164)
    except phonenumbers.NumberParseException:
        return ""
    digits = phone_e164.removeprefix("+")
    national = digits.removeprefix(str(parsed.country_code))
    return "" if is_filler(national) or is_filler(national[-SUBSCRIBER_DIGITS:]) else digits


def is_filler(text: str) -> bool:
    """Return whether a folded value is one digit again and again, digits that run on, or a word for nothing."""
    is_run = text.isdecimal() and any(_steps(text) <= {step} for step in (0, 1, 9))
    return is_run or text in WEIGHTS.words_for_nothing


def _steps(digits: str) -> set[int]:
    """Return by how much each digit differs from the one before; from 9 to 0 it goes on, and back."""
    return {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
