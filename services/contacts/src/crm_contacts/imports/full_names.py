"""A whole name in one cell, as products have it that know no other: parted into first and last name, a guess. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from crm_shared.features.imports.adapter import Read, Warn

FULL_NAME: Final = "full_name"
NAMES: Final = ("first_name", "last_name")
SYNONYMS: Final = ("fullname", "name", "personname", "contactname", "displayname")
_PARTED: Final = "parted into first and last name, a guess: by the last word, or by a comma"
_LEFT_OUT: Final = "left out of rows that have a first or a last name"
_SUFFIXES: Final = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq", "mba"})


def complete_names(values: dict[str, Any], read: Read, warn: Warn) -> None:
    """Set first and last name by the whole one, of a row that has neither."""
    text = values.pop(FULL_NAME, None)
    if text is None:
        return
    if any(read(name) for name in NAMES):
        if " ".join(filter(None, map(read, NAMES))).casefold() != text.casefold():
            warn(FULL_NAME, _LEFT_OUT)
        return
    first, last = part_name(text)
    values |= {name: part for name, part in zip(NAMES, (first, last), strict=True) if part}
    if last:
        warn(FULL_NAME, _PARTED)


def part_name(text: str) -> tuple[str, str]:
    """Return first and last name; a single word is the first.

    The last name begins with the words in small letters before the last word (`Ludwig van Beethoven`), never with the
    first word, and ends with a suffix (`King Jr.`).
    """
    before, comma, behind = (part.strip() for part in text.partition(","))
    if comma and before and behind and not _is_suffix(behind):
        return behind, before
    words = text.replace(",", " ").split()
    if len(words) <= 1:
        return " ".join(words), ""
    at = len(words) - _count_last(words)
    return " ".join(words[:at]), " ".join(words[at:])


def _count_last(words: Sequence[str]) -> int:
    """Return how many words at the end are the last name."""
    suffixes = next((number for number, word in enumerate(reversed(words)) if not _is_suffix(word)), 0)
    count = suffixes + 1
    while count < len(words) - 1 and words[-count - 1].islower():
        count += 1
    return min(count, len(words) - 1)


def _is_suffix(word: str) -> bool:
    return word.replace(".", "").casefold() in _SUFFIXES
