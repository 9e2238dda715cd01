"""How alike two values of a custom field are: dates by their parts, codes by their digits, texts by words and letters.

The value says which of them it is, not its field's type: dates and numbers are kept in text fields as often.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.keys import hashed, hashed_together
from crm_contacts.duplicates.values import is_code, parts_of_date

CLOSE: Final = 0.92
MIN_LETTERS_FOR_A_SLIP: Final = 4
MAX_LETTERS: Final = 100
"""Of longer texts only so much is compared for slips: what is longer is a note and no value."""
MAX_WORDS: Final = 20
MOST_SLIPS: Final = 2
SHARED_WORDS: Final = 0.5

_DIGITS: Final = re.compile(r"\d+")


def compare_values(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[Finding]:
    """Compare the custom fields that both have, in the order of their keys."""
    keys = sorted(ours.keys() & theirs.keys())
    shared = {key: hashed("custom-term", key, ours[key]) for key in keys if ours[key] == theirs[key]}
    for key in keys:
        comparison, level = level_of_values(ours[key], theirs[key])
        if level == "same":
            beside = tuple((term, hashed_together(term, shared[key])) for other, term in shared.items() if other != key)
            yield Finding(f"custom_data.{key}", comparison, level, (shared[key],), beside)
        else:
            terms = tuple(hashed("custom-term", key, value) for value in (ours[key], theirs[key]))
            yield Finding(f"custom_data.{key}", comparison, level, terms)


def level_of_values(one: str, other: str) -> tuple[str, str]:
    """Return (comparison, level) of two folded values of one field."""
    dates = parts_of_date(one), parts_of_date(other)
    if all(dates):
        return "custom_date", _level_of_dates(*dates)
    if is_code(one) and is_code(other):
        return "custom_code", _level_of_codes(one, other)
    return "custom_text", _level_of_texts(one, other)


def _level_of_dates(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    if one == other:
        return "same"
    if OSA.distance("".join(one), "".join(other), score_cutoff=1) <= 1:
        return "slip"
    if one[0] == other[0] and one[1:] == (other[2], other[1]):
        return "turned"
    if sum(ours == theirs for ours, theirs in zip(one, other, strict=True)) == len(one) - 1:
        return "near"
    return "same_year" if one[0] == other[0] else "different"


def _level_of_codes(one: str, other: str) -> str:
    if one == other:
        return "same"
    one, other = one[:MAX_LETTERS].replace(" ", ""), other[:MAX_LETTERS].replace(" ", "")
    is_long = min(len(one), len(other)) >= MIN_LETTERS_FOR_A_SLIP
    is_slip = OSA.distance(one, other, score_cutoff=1) <= 1
    return "slip" if is_long and is_slip else "different"


def _level_of_texts(one: str, other: str) -> str:
    if one == other:
        return "same"
    one, other = one[:MAX_LETTERS], other[:MAX_LETTERS]
    is_long = min(len(one), len(other)) >= MIN_LETTERS_FOR_A_SLIP
    slips = OSA.distance(one, other, score_cutoff=MOST_SLIPS)
    if is_long and (slips <= 1 or JaroWinkler.similarity(one, other) >= CLOSE):
        return "slip" if _DIGITS.findall(one) == _DIGITS.findall(other) or slips <= 1 else "alike"
    is_near = is_long and slips <= MOST_SLIPS and one[0] == other[0]
    return "alike" if is_near or _share_words(one, other) or _have_same_letters(one, other) else "different"


def _share_words(one: str, other: str) -> bool:
    words, others = set(one.split()[:MAX_WORDS]), set(other.split()[:MAX_WORDS])
    return len(words & others) > SHARED_WORDS * max(len(words), len(others))


def _have_same_letters(one: str, other: str) -> bool:
    """Return whether letters only changed places."""
    return len(one) == len(other) >= MIN_LETTERS_FOR_A_SLIP and sorted(one) == sorted(other)
