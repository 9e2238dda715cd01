"""Blocking keys and terms: whom to compare with whom, and how common a value is. Hashes, so no value is stored twice.

A key is something that two records of one person are likely to share and two strangers are not. Keys that many
contacts share are passed over when candidates are looked for, so the ones made of a name alone have companions that
hold more: that is how two John Smiths of one company still meet.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations, islice
from typing import Final

from crm_contacts.duplicates.caches import CACHED
from crm_contacts.duplicates.names import roots_of, sound_of
from crm_contacts.duplicates.profiles import LAST_DIGITS, Profile
from crm_contacts.duplicates.values import is_code, parts_of_date

MIN_LOCAL_LETTERS: Final = 4
MAX_EMPLOYERS: Final = 2
MAX_JOINED: Final = 4
"""Custom values that are joined with a name's part or with one another: a few keys each."""
MAX_JOINED_LETTERS: Final = 60
MAX_HOLDERS: Final = 30
"""A key that more contacts share is passed over: this bounds what one contact costs, whatever the tenant's size."""
EVERYBODY: Final = 0
"""The term that every contact has: its count is how many there are."""


@lru_cache(maxsize=CACHED)
def hashed(kind: str, *parts: str) -> int:
    """Return 63 bits that stand for a value, as a bigint; never `EVERYBODY`."""
    digest = hashlib.blake2b("\0".join((kind, *parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


def hashed_together(one: int, other: int) -> int:
    """Return the term of whoever has both of two values."""
    return hashed("both", *(str(term) for term in sorted((one, other))))


def keys_of(profile: Profile) -> frozenset[int]:
    """Return what the contact can be found by."""
    return frozenset(hashed(*parts) for parts in list_keys(profile))


def list_keys(profile: Profile) -> Iterator[tuple[str, ...]]:
    """Yield the keys before they are hashed, each with its kind first."""
    name, mailbox = profile.name, profile.mailbox
    last = name.last.replace(" ", "")
    if mailbox is not None:
        yield "email", mailbox.local, mailbox.domain
        if len(mailbox.letters) >= MIN_LOCAL_LETTERS:
            yield "local", mailbox.letters
    if profile.phone:
        yield "phone", profile.phone[-LAST_DIGITS:]
    yield from _list_custom_keys(profile)
    if name.first and last:
        yield from _list_name_keys(name.first, last)
    # A part of the name that few have, for records that lack the other part or have it wrong.
    yield from (("name-part", part) for part in _list_parts(profile))
    employers = list(islice(sorted(profile.employers, key=lambda one: (not one.startswith("@"), one)), MAX_EMPLOYERS))
    for employer in employers:
        if last:
            yield "employer-last", employer, sound_of(last)
        for root in roots_of(name.first) if name.first else ():
            yield "employer-first", employer, root


def _list_name_keys(first: str, last: str) -> Iterator[tuple[str, ...]]:
    """Names in either order, as they sound: two fields filled in the wrong way round are one of the commonest slips."""
    sounds = {sound_of(root) for root in roots_of(first)}
    yield from (("names", *sorted((sound, sound_of(last)))) for sound in sounds)
    # What a typo in one of the two leaves alone: the other, and the beginning of this one.
    yield "last-and-beginning", last, first[:1]
    yield "first-and-beginning", first, last[:1]
    if len(last) > MIN_LOCAL_LETTERS:
        yield "beginnings", *sorted((first[:3], last[:4]))


def _list_parts(profile: Profile) -> list[str]:
    parts = (profile.name.first, profile.name.last.replace(" ", ""))
    return [sound_of(part) for part in parts if len(part) > 1]


def _list_custom_keys(profile: Profile) -> Iterator[tuple[str, ...]]:
    """Join custom values in twos and with a part of the name; of a date take what a slip in it leaves alone."""
    for key, value in profile.custom.items():
        yield "custom", key, value
    joined = joined_values(profile)
    for (key, value), (other, second) in combinations(joined, 2):
        yield "two-values", key, value, other, second
    initials = "".join(sorted(part[0] for part in (profile.name.first, profile.name.last) if part))
    for key, value in joined:
        yield from (("name-and-value", key, value, part) for part in _list_parts(profile))
        if date := parts_of_date(value):
            year, month, day = date
            yield "turned-date", key, year, *sorted((month, day))
            yield "initials-and-year", key, initials, year
            yield "initials-and-day", key, initials, month, day


def joined_values(profile: Profile) -> list[tuple[str, str]]:
    """Return the few custom values that are joined with others: dates first, then codes, then texts, by field key."""
    short = [(key, value) for key, value in profile.custom.items() if len(value) <= MAX_JOINED_LETTERS]
    return sorted(short, key=lambda one: (not parts_of_date(one[1]), not is_code(one[1]), one[0]))[:MAX_JOINED]


def terms_of(profile: Profile) -> frozenset[int]:
    """Return the values whose frequency says how much sharing them means."""
    terms = {EVERYBODY}
    name = profile.name
    terms |= {hashed("name", part) for part in (name.first, name.last) if part}
    if profile.phone:
        terms.add(hashed("phone-term", profile.phone[-LAST_DIGITS:]))
    terms |= {hashed("employer", employer) for employer in profile.employers}
    terms |= {hashed("custom-term", key, value) for key, value in profile.custom.items()}
    joined = [hashed("custom-term", key, value) for key, value in joined_values(profile)]
    terms |= {hashed_together(*pair) for pair in combinations(joined, 2)}
    return frozenset(terms)
