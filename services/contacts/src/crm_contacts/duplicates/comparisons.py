"""What two profiles say of each other, field by field: findings, with the terms whose frequency they weigh by."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.fuzz import token_sort_ratio

from crm_contacts.duplicates.caches import CACHED_LARGE
from crm_contacts.duplicates.findings import Finding
from crm_contacts.duplicates.keys import hashed
from crm_contacts.duplicates.name_comparisons import compare_names, level_of_first, level_of_last
from crm_contacts.duplicates.names import Name, mailbox_forms, roots_of
from crm_contacts.duplicates.profiles import LAST_DIGITS, Mailbox, Profile
from crm_contacts.duplicates.value_comparisons import compare_values

MIN_LOCAL: Final = 5
MIN_DIGITS_FOR_A_SLIP: Final = 9
MOST_SLIPS: Final = 2
MIN_OF_AN_ADDRESS: Final = 12
SIMILAR_ADDRESS: Final = 0.93
SIMILAR_TITLE: Final = 75
SLIPS: Final = frozenset({"typo", "similar"})


def compare(ours: Profile, theirs: Profile, *, is_shared_phone: bool) -> list[Finding]:
    """Compare two contacts. What one of them lacks says nothing, and is left out.

    `is_shared_phone`: more contacts have the number than one person's records would explain.
    """
    mailboxes = list(_compare_mailboxes(ours, theirs))
    return [
        *compare_names(ours.name, theirs.name),
        *mailboxes,
        *_compare_phones(ours, theirs, is_shared=is_shared_phone),
        *_compare_employers(ours, theirs, is_one_address=any(found.level in SLIPS for found in mailboxes)),
        *_compare_titles(ours.title, theirs.title),
        *compare_values(ours.custom, theirs.custom),
    ]


@lru_cache(maxsize=CACHED_LARGE)
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
    if "different" in (level_of_first(ours.name, theirs.name), level_of_last(ours.name.last, theirs.name.last)):
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
        if _is_one_domain(one.domain, other.domain):
            return "typo"
        if not are_of_one_name and len(one.letters) >= MIN_LOCAL:
            return "same_local"
    elif one.domain == other.domain and _is_numbered(one, other):
        return "numbered"
    if are_of_one_name:
        return "made_of_name"
    return _level_of_slips(one, other)


def _level_of_slips(one: Mailbox, other: Mailbox) -> str:
    if one.domain == other.domain and _is_slip(one, other):
        return "typo"
    return "similar" if _is_garbled(one, other) else "other"


def _is_one_domain(one: str, other: str) -> bool:
    """Return whether two slips of the pen, or letters that changed places, lie between two domains."""
    return OSA.distance(one, other, score_cutoff=MOST_SLIPS) <= MOST_SLIPS or sorted(one) == sorted(other)


def _level_of_one_mailbox(one: Mailbox, other: Mailbox) -> str:
    return "same_mailbox" if one.tag == other.tag else "tagged"


def _is_numbered(one: Mailbox, other: Mailbox) -> bool:
    """Are they one name with other digits behind it? So a firm tells namesakes apart, and a provider its customers."""
    return one.letters == other.letters and _digits(one) != _digits(other)


def _is_slip(one: Mailbox, other: Mailbox) -> bool:
    """One letter off. Another digit is another mailbox: a provider hands out smith1 and smith2."""
    is_long = min(len(one.local), len(other.local)) >= MIN_LOCAL
    return is_long and _digits(one) == _digits(other) and OSA.distance(one.local, other.local, score_cutoff=1) <= 1


def _is_garbled(one: Mailbox, other: Mailbox) -> bool:
    """Return whether name and domain are both a little off, so that more than one slip lies between the addresses.

    Not at one domain, whose letters would count for the likeness.
    """
    ours, theirs = f"{one.local}@{one.domain}", f"{other.local}@{other.domain}"
    if one.domain == other.domain or min(len(ours), len(theirs)) < MIN_OF_AN_ADDRESS:
        return False
    if one.is_free and other.is_free:
        return False
    return sorted(ours) == sorted(theirs) or JaroWinkler.similarity(ours, theirs) >= SIMILAR_ADDRESS


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


def _compare_employers(ours: Profile, theirs: Profile, *, is_one_address: bool) -> Iterator[Finding]:
    """Compare whom they work for. A slip in an address's domain is not another employer."""
    if not ours.employers or not theirs.employers:
        return
    shared = shared_employers(ours, theirs)
    if not shared and is_one_address and not (_named_employers(ours) and _named_employers(theirs)):
        return
    # The company, where that is what they share; else the domain of their addresses.
    is_company = ours.company_id is not None and ours.company_id == theirs.company_id
    terms = tuple(hashed("employer", employer) for employer in sorted(shared))
    yield Finding("company_id" if is_company else "company", "employer", "same" if shared else "different", terms)


def _named_employers(profile: Profile) -> frozenset[str]:
    return profile.employers - ({f"@{profile.mailbox.domain}"} if profile.mailbox else set())


def _compare_titles(one: str, other: str) -> Iterator[Finding]:
    if not one or not other:
        return
    if one == other:
        yield Finding("job_title", "job_title", "same")
    else:
        is_similar = token_sort_ratio(one, other) >= SIMILAR_TITLE
        yield Finding("job_title", "job_title", "similar" if is_similar else "different")
