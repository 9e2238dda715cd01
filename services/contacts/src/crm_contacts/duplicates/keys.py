"""Blocking keys and terms: whom to compare with whom, and how common a value is. Hashes, so no value is stored twice.

A key is something that two records of one person are likely to share and two strangers are not. Keys that many
contacts share are passed over when candidates are looked for, so the ones made of a name alone have companions that
hold more: that is how two John Smiths of one company still meet.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Final

from crm_contacts.duplicates.names import roots_of, sound_of
from crm_contacts.duplicates.profiles import LAST_DIGITS, Profile

MIN_LOCAL_LETTERS: Final = 4
MAX_EMPLOYERS: Final = 2
MAX_HOLDERS: Final = 30
"""A key that more contacts share is passed over: this bounds what one contact costs, whatever the tenant's size."""
EVERYBODY: Final = 0
"""The term that every contact has: its count is how many there are."""


@lru_cache(maxsize=200_000)
def hashed(kind: str, *parts: str) -> int:
    """Give 63 bits that stand for a value, as a bigint; never `EVERYBODY`."""
    digest = hashlib.blake2b("\0".join((kind, *parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1) or 1


def keys_of(profile: Profile) -> frozenset[int]:
    """Give what the contact can be found by."""
    return frozenset(hashed(*parts) for parts in list_keys(profile))


def list_keys(profile: Profile) -> Iterator[tuple[str, ...]]:
    """Give the keys before they are hashed, each with its kind first."""
    name, mailbox = profile.name, profile.mailbox
    last = name.last.replace(" ", "")
    if mailbox is not None:
        yield "email", mailbox.local, mailbox.domain
        if len(mailbox.letters) >= MIN_LOCAL_LETTERS:
            yield "local", mailbox.letters
    if profile.phone:
        yield "phone", profile.phone[-LAST_DIGITS:]
    for key, value in profile.custom.items():
        yield "custom", key, value
    if name.first and last:
        yield from _list_name_keys(name.first, last)
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
    if len(last) > MIN_LOCAL_LETTERS:
        yield "beginnings", *sorted((first[:3], last[:4]))


def terms_of(profile: Profile) -> frozenset[int]:
    """Give the values whose frequency says how much sharing them means."""
    terms = {EVERYBODY}
    name = profile.name
    terms |= {hashed("name", part) for part in (name.first, name.last) if part}
    if profile.phone:
        terms.add(hashed("phone-term", profile.phone[-LAST_DIGITS:]))
    terms |= {hashed("employer", employer) for employer in profile.employers}
    terms |= {hashed("custom-term", key, value) for key, value in profile.custom.items()}
    return frozenset(terms)
