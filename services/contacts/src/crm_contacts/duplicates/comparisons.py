"""What two profiles say of each other, field by field: findings, with the terms whose frequency they weigh by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_sort_ratio

from crm_contacts.duplicates.keys import hashed
from crm_contacts.duplicates.names import Name, is_nickname, mailbox_forms, roots_of, sound_of
from crm_contacts.duplicates.profiles import LAST_DIGITS, Mailbox, Profile

CLOSE: Final = 0.92
"""Jaro-Winkler from which two names are one with a slip; the first level of Splink's own name comparison."""
ALIKE: Final = 0.7
MIN_LETTERS_FOR_A_SLIP: Final = 4
MIN_LETTERS_OF_A_SHORT_FORM: Final = 3
MIN_LOCAL: Final = 5
MIN_DIGITS_FOR_A_SLIP: Final = 9
SIMILAR_TITLE: Final = 75


@dataclass(frozen=True, slots=True)
class Finding:
    """One field's outcome: `comparison` and `level` name its figures in weights.toml.

    `terms`: the values whose commonest one's frequency counts, where the level weighs by frequency.
    """

    field: str
    comparison: str
    level: str
    terms: tuple[int, ...] = ()


def compare(ours: Profile, theirs: Profile, *, is_shared_phone: bool) -> list[Finding]:
    """Compare two contacts. What one of them lacks says nothing, and is left out.

    `is_shared_phone`: more contacts have the number than one person's records would explain.
    """
    return [
        *_compare_names(ours.name, theirs.name),
        *_compare_mailboxes(ours, theirs),
        *_compare_phones(ours, theirs, is_shared=is_shared_phone),
        *_compare_employers(ours, theirs),
        *_compare_titles(ours.title, theirs.title),
        *_compare_custom(ours, theirs),
    ]


def _compare_names(ours: Name, theirs: Name) -> Iterator[Finding]:
    first, last = _level_of_first(ours, theirs), _level_of_last(ours.last, theirs.last)
    if "different" in (first, last) and ours.is_whole and theirs.is_whole:
        turned = Name(theirs.last, "", theirs.first)
        turned_first, turned_last = _level_of_first(ours, turned), _level_of_last(ours.last, turned.last)
        if not {turned_first, turned_last} & {"different", "initial"}:
            yield Finding("name", "name_order", "swapped")
            first, last, theirs = turned_first, turned_last, turned
    if first:
        yield Finding("first_name", "first_name", first, _name_terms(ours.first, theirs.first))
    if last:
        yield Finding("last_name", "last_name", last, _name_terms(ours.last, theirs.last))
    if first and last and (ours.generation or theirs.generation):
        yield Finding("name", "generation", _level_of_generation(ours.generation, theirs.generation))


def _name_terms(one: str, other: str) -> tuple[int, ...]:
    return (hashed("name", one), hashed("name", other))


def _level_of_first(ours: Name, theirs: Name) -> str:
    one, other = ours.first, theirs.first
    if not one or not other:
        return ""
    level = _level_of_part(one, other)
    if level != "different":
        return level
    return "in_middle" if one in theirs.middle.split() or other in ours.middle.split() else level


@lru_cache(maxsize=200_000)
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
    return "beginning" if level == "different" and is_beginning else level


@lru_cache(maxsize=200_000)
def _level_of_last(one: str, other: str) -> str:
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
    likeness = JaroWinkler.similarity(one, other)
    if min(len(one), len(other)) >= MIN_LETTERS_FOR_A_SLIP and (
        likeness >= CLOSE or OSA.distance(one, other, score_cutoff=1) <= 1
    ):
        return "close"
    return "sounds_alike" if likeness >= ALIKE and sound_of(one) == sound_of(other) else "different"


def _level_of_generation(one: str, other: str) -> str:
    if one == other:
        return "same"
    return "conflict" if one and other else "one_only"


@lru_cache(maxsize=50_000)
def _forms_of(name: Name) -> frozenset[str]:
    firsts = roots_of(name.first) if name.first else frozenset({""})
    return frozenset(form for first in firsts for form in mailbox_forms(Name(first, name.middle, name.last)))


def _is_made_of(mailbox: Mailbox, name: Name) -> bool:
    return mailbox.letters in _forms_of(name)


def _digits(mailbox: Mailbox) -> str:
    return "".join(character for character in mailbox.local if character.isdigit())


def _compare_mailboxes(ours: Profile, theirs: Profile) -> Iterator[Finding]:
    one, other = ours.mailbox, theirs.mailbox
    if one is None or other is None:
        return
    is_there = one.domain == other.domain and not one.is_free
    are_of_one_name = _digits(one) == _digits(other) and _are_of_one_name(ours, theirs, one, other)
    yield Finding(
        "email",
        "email_there" if is_there else "email_elsewhere",
        _level_there(one, other, ours, theirs, are_of_one_name=are_of_one_name)
        if is_there
        else _level_elsewhere(one, other, are_of_one_name=are_of_one_name),
    )


def _are_of_one_name(ours: Profile, theirs: Profile, one: Mailbox, other: Mailbox) -> bool:
    """Are both addresses ways of writing one name? It is then one person's, or that of two namesakes."""
    if "different" in (_level_of_first(ours.name, theirs.name), _level_of_last(ours.name.last, theirs.name.last)):
        return False
    each_is_the_others = _is_made_of(one, theirs.name) and _is_made_of(other, ours.name)
    return each_is_the_others or any(
        _is_made_of(one, name) and _is_made_of(other, name) for name in (ours.name, theirs.name) if name.is_whole
    )


def _level_there(one: Mailbox, other: Mailbox, ours: Profile, theirs: Profile, *, are_of_one_name: bool) -> str:
    if one.local == other.local:
        return _level_of_one_mailbox(one, other)
    if _is_numbered(one, other):
        return "numbered"
    if are_of_one_name:
        return "alias"
    # anna.meier@ and anne.meier@ are two people, each with the address of her own name.
    are_their_own = _is_made_of(one, ours.name) and _is_made_of(other, theirs.name)
    return "typo" if _is_slip(one, other) and not are_their_own else "other_mailbox"


def _level_elsewhere(one: Mailbox, other: Mailbox, *, are_of_one_name: bool) -> str:
    if one.local == other.local:
        if one.domain == other.domain:
            return _level_of_one_mailbox(one, other)
        if OSA.distance(one.domain, other.domain, score_cutoff=2) <= 2:  # noqa: PLR2004 - two slips of the pen
            return "typo"
        if not are_of_one_name and len(one.letters) >= MIN_LOCAL:
            return "same_local"
    elif one.domain == other.domain and _is_numbered(one, other):
        return "numbered"
    elif one.domain == other.domain and not are_of_one_name and _is_slip(one, other):
        return "typo"
    return "made_of_name" if are_of_one_name else "other"


def _level_of_one_mailbox(one: Mailbox, other: Mailbox) -> str:
    return "same_mailbox" if one.tag == other.tag else "tagged"


def _is_numbered(one: Mailbox, other: Mailbox) -> bool:
    """Are they one name with other digits behind it? So a firm tells namesakes apart, and a provider its customers."""
    return one.letters == other.letters and _digits(one) != _digits(other)


def _is_slip(one: Mailbox, other: Mailbox) -> bool:
    """One letter off. Another digit is another mailbox: a provider hands out smith1 and smith2."""
    is_long = min(len(one.local), len(other.local)) >= MIN_LOCAL
    return is_long and _digits(one) == _digits(other) and OSA.distance(one.local, other.local, score_cutoff=1) <= 1


def _compare_phones(ours: Profile, theirs: Profile, *, is_shared: bool) -> Iterator[Finding]:
    one, other = ours.phone, theirs.phone
    if not one or not other:
        return
    if one[-LAST_DIGITS:] == other[-LAST_DIGITS:]:
        level = "shared" if is_shared else "exact"
        yield Finding("phone", "phone", level, (hashed("phone-term", one[-LAST_DIGITS:]),))
        return
    is_long = min(len(one), len(other)) >= MIN_DIGITS_FOR_A_SLIP
    if not is_long or OSA.distance(one, other, score_cutoff=1) > 1:
        yield Finding("phone", "phone", "different")
    else:
        # Among strangers it may be a slip of the pen; at one employer it is the desk next to theirs.
        yield Finding("phone", "phone", "neighbouring" if shared_employers(ours, theirs) else "near")


def shared_employers(ours: Profile, theirs: Profile) -> frozenset[str]:
    return ours.employers & theirs.employers


def _compare_employers(ours: Profile, theirs: Profile) -> Iterator[Finding]:
    if not ours.employers or not theirs.employers:
        return
    shared = shared_employers(ours, theirs)
    # The company, where that is what they share; else the domain of their addresses.
    is_company = ours.company_id is not None and ours.company_id == theirs.company_id
    terms = tuple(hashed("employer", employer) for employer in sorted(shared))
    yield Finding("company_id" if is_company else "company", "employer", "same" if shared else "different", terms)


def _compare_titles(one: str, other: str) -> Iterator[Finding]:
    if not one or not other:
        return
    if one == other:
        yield Finding("job_title", "job_title", "same")
    else:
        is_similar = token_sort_ratio(one, other) >= SIMILAR_TITLE
        yield Finding("job_title", "job_title", "similar" if is_similar else "different")


def _compare_custom(ours: Profile, theirs: Profile) -> Iterator[Finding]:
    for key in sorted(ours.custom.keys() & theirs.custom.keys()):
        one, other = ours.custom[key], theirs.custom[key]
        level, terms = ("same", (hashed("custom-term", key, one),)) if one == other else ("different", ())
        yield Finding(f"custom_data.{key}", "custom", level, terms)
