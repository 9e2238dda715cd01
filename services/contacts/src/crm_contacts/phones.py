"""Phone numbers: kept as given, and in E.164 so that the same number is found however it was written."""

import re
from typing import Annotated

import phonenumbers
from pydantic import AfterValidator, Field

from crm_shared.text import to_line

MAX_LENGTH = 64
# What spreadsheets and data frames make of a number that they took for a quantity: 4.479E+11, 447911123456.0.
_ROUNDED = re.compile(r"\A[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+")
_WITH_DECIMAL = re.compile(r"\A[+-]?\d{6,}[.,]0")
MIN_DIGITS = 2  # an extension inside a company; less dials nobody


def to_phone(text: str) -> str:
    """Return the number as it was written. Raises ValueError for text that nobody could dial."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"should have at most {MAX_LENGTH} characters")
    if _ROUNDED.fullmatch(text):
        raise ValueError("was rounded by a spreadsheet, which took it for a quantity: its last digits are lost")
    if _WITH_DECIMAL.fullmatch(text):
        raise ValueError(
            "has a decimal place: a program took it for a quantity; leave out what stands behind the point"
        )
    if sum(character.isdigit() for character in text) < MIN_DIGITS:
        raise ValueError("is not a phone number")
    return to_line(text)


def to_e164(phone: str, region: str) -> str | None:
    """Return `+49301234567`, None for a number without such a form. `region` is that of numbers without a country code.

    A possible number is enough: whether a number was ever assigned changes faster than any table of them.
    """
    try:
        parsed = phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException:
        return None
    # A number that only works inside its area is "possible" too, and its E.164 form would be somebody else's.
    if phonenumbers.is_possible_number_with_reason(parsed) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def to_region(code: str) -> str:
    """Return the code back. Raises ValueError for a country without a telephone plan."""
    if code not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is not an ISO 3166-1 country code, such as DE")
    return code


Phone = Annotated[str, AfterValidator(to_phone), Field(examples=["030 901820"])]
Region = Annotated[str, AfterValidator(to_region), Field(examples=["DE"])]
