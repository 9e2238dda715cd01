"""How alike two names are: part by part, in either order, by slips, sounds and short forms."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from crm_contacts.duplicates.caches import CACHED
from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.keys import hashed
from crm_contacts.duplicates.names import Name, is_nickname, sound_of

CLOSE: Final = 0.92
"""Jaro-Winkler from which two names are one with a slip; the first level of Splink's own name comparison."""
SIMILAR: Final = 0.75
ALIKE: Final = 0.7
MIN_LETTERS_FOR_A_SLIP: Final = 4
MIN_LETTERS_OF_A_SHORT_FORM: Final = 3
MOST_SLIPS: Final = 2
LETTERS_A_SLIP: Final = 3
"""In a long name more than two slips are taken for slips: one for each three letters."""
UNLIKE: Final = frozenset({"", "different"})
VAGUE: Final = frozenset({"", "different", "initial"})


def compare_names(ours: Name, theirs: Name) -> Iterator[Finding]:
    """Compare the parts as they stand, or turned where only so they agree: two fields filled in the wrong way round."""
    if (theirs.is_whole, theirs.first) > (ours.is_whole, ours.first):
        ours, theirs = theirs, ours  # whoever says more says which part it is that both have
    first, last = level_of_first(ours, theirs), level_of_last(ours.last, theirs.last)
    turned = Name(theirs.last, "", theirs.first)
    turned_first, turned_last = level_of_first(ours, turned), level_of_last(ours.last, turned.last)
    if _is_turned((first, last), (turned_first, turned_last)):
        yield Finding("name", "name_order", "swapped")
        first, last, theirs = turned_first, turned_last, turned
    if first:
        yield Finding("first_name", "first_name", first, _name_terms(ours.first, theirs.first))
    if last:
        yield Finding("last_name", "last_name", last, _name_terms(ours.last, theirs.last))
    if first and last and (ours.generation or theirs.generation):
        yield Finding("name", "generation", _level_of_generation(ours.generation, theirs.generation))


def _is_turned(straight: tuple[str, str], turned: tuple[str, str]) -> bool:
    """Return whether the names agree better the other way round: both parts, or the one that both records have."""
    if set(turned) <= VAGUE or "different" in turned or "initial" in turned:
        return False
    return set(straight) <= UNLIKE or "different" in straight


def _name_terms(one: str, other: str) -> tuple[int, ...]:
    return (hashed("name", one), hashed("name", other))


def level_of_first(ours: Name, theirs: Name) -> str:
    """Return the level of two first names, empty where one is missing. A middle name may be used as the first."""
    one, other = ours.first, theirs.first
    if not one or not other:
        return ""
    level = _level_of_part(one, other)
    if level != "different":
        return level
    return "in_middle" if one in theirs.middle.split() or other in ours.middle.split() else level


@lru_cache(maxsize=CACHED)
def _level_of_part(one: str, other: str) -> str:
    if one == other:
        return "exact"
    if 1 in (len(one), len(other)):
        return "initial" if one[0] == other[0] else "different"
    if is_nickname(one, other):
        return "nickname"
    level = _level_of_spelling(one, other)
    shorter, longer = sorted((one, other), key=len)
    is_beginning = len(shorter) >= MIN_LETTERS_OF_A_SHORT_FORM and longer.startswith(shorter)
    return "beginning" if level in {"different", "similar"} and is_beginning else level


@lru_cache(maxsize=CACHED)
def level_of_last(one: str, other: str) -> str:
    """Return the level of two last names, empty where one is missing."""
    if not one or not other:
        return ""
    if one.replace(" ", "") == other.replace(" ", ""):
        return "exact"
    if 1 in (len(one), len(other)):
        return "initial" if one[0] == other[0] else "different"
    ours, theirs = one.split(), other.split()
    if set(ours) <= set(theirs) or set(theirs) <= set(ours):
        return "part"  # a double surname of which one half is used, or one taken on in marriage
    return _level_of_spelling(one, other)


def _level_of_spelling(one: str, other: str) -> str:
    likeness, shorter = JaroWinkler.similarity(one, other), min(len(one), len(other))
    slips = OSA.distance(one, other, score_cutoff=max(MOST_SLIPS, shorter // LETTERS_A_SLIP))
    if shorter >= MIN_LETTERS_FOR_A_SLIP and (likeness >= CLOSE or slips <= 1):
        return "close"
    if likeness >= ALIKE and sound_of(one) == sound_of(other):
        return "sounds_alike"
    return "similar" if _is_similar(one, other, likeness, slips) else "different"


def _is_similar(one: str, other: str, likeness: float, slips: int) -> bool:
    """Return whether more than one slip, or one in a short name, would explain the difference: Fry and Frye."""
    shorter = min(len(one), len(other))
    if shorter < MIN_LETTERS_FOR_A_SLIP:
        return slips <= 1 and shorter > 1 and (one[0] == other[0] or one[-2:] == other[-2:])
    are_its_letters = len(one) == len(other) and sorted(one) == sorted(other)
    return are_its_letters or (likeness >= SIMILAR and slips <= max(MOST_SLIPS, shorter // LETTERS_A_SLIP))


def _level_of_generation(one: str, other: str) -> str:
    if one == other:
        return "same"
    return "conflict" if one and other else "one_only"
