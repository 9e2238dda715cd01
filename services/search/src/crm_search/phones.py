"""Phone numbers as people type them, against the E.164 that contacts keep."""

import re
from dataclasses import dataclass
from typing import Final

import phonenumbers

from crm_search.folding import MIN_PHONE_DIGITS, digits_of

MAX_PHONE_CHARS: Final = 100
"""What is longer is no phone number, however many digits it has."""

_LOOKS_LIKE_PHONE: Final = re.compile(r"\+?[\d\s().\-/\u2010-\u2015\u00a0]+(?:(?:ext|x)\.?\s*\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PhoneQuery:
    """What was typed as digits: `whole` in E.164 without the plus, when it is a number; `part` as it stands."""

    whole: str | None
    part: str


def looks_like_phone(text: str) -> bool:
    if len(text) > MAX_PHONE_CHARS:
        return False
    return _LOOKS_LIKE_PHONE.fullmatch(text.strip()) is not None and len(digits_of(text)) >= MIN_PHONE_DIGITS


def parse_phone(text: str, region: str) -> PhoneQuery | None:
    """Read a phone number or a part of one, None for other text. `region` is meant where no country is named."""
    if not looks_like_phone(text):
        return None
    # Zeros in front are the trunk or the way abroad; E.164 has neither.
    part = digits_of(text).lstrip("0")
    if len(part) < MIN_PHONE_DIGITS:
        return None
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return PhoneQuery(None, part)
    if not phonenumbers.is_possible_number(number):
        return PhoneQuery(None, part)
    return PhoneQuery(digits_of(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)), part)
