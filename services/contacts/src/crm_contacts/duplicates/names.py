"""Personal names in forms that can be compared: folded, split, with their nicknames and sounds. Values only, no I/O."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Final

from anyascii import anyascii
from jellyfish import metaphone
from nicknames import NickNamer

from crm_contacts.duplicates.caches import CACHED

_WORDS: Final = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))
TITLES: Final = frozenset(_WORDS["titles"])
LEGAL_FORMS: Final = frozenset(_WORDS["legal_forms"])
GENERATIONS: Final = {"jr": "2", "junior": "2", "jnr": "2", "ii": "2", "sr": "1", "senior": "1", "snr": "1", "iii": "3"}
"""What sets a father apart from a son of the same name."""

MAX_ROOTS: Final = 6
_APOSTROPHES: Final = re.compile("['`\u00b4\u02bc\u2018\u2019]")
_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=CACHED)
def fold(text: str) -> str:
    """Return `zoe mueller-ludenscheidt` its plain form: Latin letters, lower case, words parted by one space."""
    latin = anyascii(_APOSTROPHES.sub("", text)).lower()
    return _NOT_A_LETTER.sub(" ", _APOSTROPHES.sub("", latin)).strip()


@dataclass(frozen=True, slots=True)
class Name:
    """Folded; a part that is not known is empty. `generation` counts from 1, the eldest."""

    first: str
    middle: str
    last: str
    generation: str = ""

    @property
    def is_whole(self) -> bool:
        return bool(self.first and self.last)


def to_name(first_name: str | None, last_name: str | None) -> Name:
    """Read the two fields as people fill them in: titles, generations, a full name in one of them, `Last, First`."""
    if not first_name and last_name and "," in last_name:
        last_name, _, first_name = last_name.partition(",")
    first, last = _split(first_name), _split(last_name)
    generation = next((GENERATIONS[word] for word in (*last[1:], *first[1:]) if word in GENERATIONS), "")
    first = [word for at, word in enumerate(first) if at == 0 or word not in GENERATIONS]
    last = [word for at, word in enumerate(last) if at == 0 or word not in GENERATIONS]
    if not last and len(first) > 1:
        first, last = first[:-1], first[-1:]
    elif not first and len(last) > 1:
        first, last = last[:1], last[1:]
    return Name(first[0] if first else "", " ".join(first[1:]), " ".join(last), generation)


def _split(text: str | None) -> list[str]:
    words = fold(text or "").split()
    kept = [word for word in words if word not in TITLES]
    return kept or words


@cache
def _nicknames() -> NickNamer:
    lookup = NickNamer().nickname_lookup
    for name, short in _WORDS["nicknames"].items():
        lookup.setdefault(name, set()).update(fold(one) for one in short.split())
    return NickNamer(nickname_lookup=lookup)


@lru_cache(maxsize=CACHED)
def roots_of(first: str) -> frozenset[str]:
    """Return what `first` may be short for, itself included; few, in a fixed choice, so that keys stay few."""
    return frozenset([first, *sorted(_nicknames().canonicals_of(first))[: MAX_ROOTS - 1]])


@lru_cache(maxsize=CACHED)
def is_nickname(one: str, other: str) -> bool:
    """Is one short for the other, or are both short for the same name? Symmetric."""
    if one == other:
        return False
    ours, theirs = _nicknames().canonicals_of(one), _nicknames().canonicals_of(other)
    return other in ours or one in theirs or bool(_full_names_of(one, ours) & _full_names_of(other, theirs))


def _full_names_of(name: str, found: set[str]) -> set[str]:
    """Leave out what is listed both ways: as "Bill" stands for William and now and then for Robert, and both for it."""
    return {full for full in found if name not in _nicknames().canonicals_of(full)}


@lru_cache(maxsize=CACHED)
def sound_of(name: str) -> str:
    """Return how a folded name sounds in English; the name itself where nothing is left of it."""
    return metaphone(name.replace(" ", "")) or name


def mailbox_forms(name: Name) -> Iterator[str]:
    """Yield the addresses' local parts, without separators, that people make of a name: jsmith, smithj, johnsmith."""
    first, last = name.first, name.last.replace(" ", "")
    parts = [part for part in (first, name.middle.replace(" ", ""), last) if part]
    yield from parts
    for one, other in combinations(parts, 2):
        for left, right in ((one, other), (other, one)):
            yield from (left + right, left[0] + right, left + right[0], left[:2] + right, left[:3] + right[:3])
    if first and last:
        yield first[0] + last[0]
        yield last[:3] + first[:2]
