"""What a custom field's folded value is by the look of it: a date, a code, or a text."""

import re
from typing import Final

LETTERS_OF_A_WORD: Final = 3

_DATE: Final = re.compile(r"(\d{4}) (\d{2}) (\d{2})")
_DATE_IN_DIGITS: Final = re.compile(r"((?:19|20)\d{2})(0[1-9]|1[0-2])([0-2]\d|3[01])")


def parts_of_date(value: str) -> tuple[str, ...]:
    """Return year, month and day as they stand in `2026-11-29` or `20261129`, folded; nothing of anything else."""
    found = _DATE.fullmatch(value) or _DATE_IN_DIGITS.fullmatch(value)
    return found.groups() if found else ()


def is_code(value: str) -> bool:
    """Return whether it is a number, or digits with a few letters and no word: a postcode, a member's number."""
    has_word = any(len(word) >= LETTERS_OF_A_WORD and word.isalpha() for word in value.split())
    return not has_word and any(character.isdigit() for character in value)
