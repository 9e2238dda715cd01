"""One folding of text for what is indexed and what is asked: no case, no accents, words, digits of phones.

It happens here and not in Elasticsearch, whose core has no such filters; so one index definition serves every
distribution, and a highlighted snippet follows the very rules that found it.

Where a script has no spaces, nothing says where a word begins: such a run is looked up by its pieces, neighbours that
overlap. So any part of a name finds it, and the same signs in another order do not.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from crm_search.scripts import (
    ACCENTS,
    CLOSE,
    CLOSE_LETTERS,
    CLOSE_MARKS,
    FLAG_LETTERS,
    HANGUL_FIRST,
    HANGUL_LAST,
    HANGUL_VOWEL,
    MARKS,
    PICTURES,
    SAME,
    SIGNS,
)

MAX_WORD_CHARS: Final = 64
MAX_START_CHARS: Final = 20
"""Word beginnings are indexed up to here; a longer one typed is compared by its first 20."""

MIN_PHONE_DIGITS: Final = 4
MAX_PHONE_DIGITS: Final = 40

PIECE_UNITS: Final = {"signs": 2, "close": 4}
"""How many neighbours make a piece. Of letters it takes more than of signs to say as much."""

# Possessive throughout: what a run has taken it never gives back, so no text is read twice.
_WORD: Final = re.compile(rf"(?:[^\W_{SIGNS}{CLOSE}]++|[{MARKS}]++)++|(?P<signs>[{SIGNS}]++)|(?P<close>[{CLOSE}]++)")
_PICTURE: Final = re.compile(rf"[{FLAG_LETTERS}]{{2}}|(?!\w)[{PICTURES}]")
_WORD_OR_PICTURE: Final = re.compile(rf"{_WORD.pattern}|(?P<picture>{_PICTURE.pattern})")
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
# A syllable taken apart stays together, and a letter keeps the marks above and below it.
_UNIT: Final = re.compile(
    rf"[{HANGUL_FIRST}][{HANGUL_VOWEL}]?[{HANGUL_LAST}]?|[{CLOSE_LETTERS}][{CLOSE_MARKS}]*|.", re.DOTALL
)
_COMPOUND: Final = re.compile(f"[{HANGUL_FIRST}{CLOSE_LETTERS}]")
# The apostrophes that people type, spaces of no width (in Persian names, in what is copied off a page), the dots in
# names from abroad. Behind the look-behind a run of letters is begun once; without it each of its letters would be
# tried, and n letters cost n².
_JOINED: Final = re.compile("(?<![^\\W_])[^\\W_]+(?:['’‘`.\\-&\u200b\u200c·・‧][^\\W_]+)+")  # noqa: RUF001


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is asked for. `text` is the whole; a run without spaces has several `pieces`, in their order."""

    text: str
    pieces: tuple[str, ...]
    units: int
    is_run: bool


def fold(text: str) -> str:
    """Write `text` without case and accents: "Zoë Łuczak" becomes "zoe luczak"."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKD", text).translate(ACCENTS).casefold().translate(SAME)


@lru_cache(maxsize=20_000)
def fold_word(word: str) -> str:
    return fold(word)


def find_words(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield where each word of the original text begins and ends; whether it is a run without spaces or a picture."""
    for match in _WORD_OR_PICTURE.finditer(text):
        yield *match.span(), match.lastgroup is not None


def find_units(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each sign of a run begins and ends, a letter with its marks."""
    for match in _UNIT.finditer(text, start, end):
        yield match.span()


def read_words(text: str) -> Iterator[Word]:
    """Yield the folded words in their order: "Anne-Marie O'Brien" has anne, marie, o and brien."""
    for match in _WORD.finditer(fold(text)):
        yield _to_word(match)


def read_compounds(text: str) -> Iterator[tuple[Word, ...]]:
    """Yield the same words, together what a hyphen, an apostrophe or the like joins: (anne, marie), (o, brien)."""
    folded = fold(text)
    compounds = _JOINED.finditer(folded)
    compound = next(compounds, None)
    joined: list[Word] = []
    for match in _WORD.finditer(folded):
        while compound is not None and compound.end() <= match.start():
            compound = next(compounds, None)
            if joined:
                yield tuple(joined)
                joined = []
        if compound is not None and compound.start() <= match.start():
            joined.append(_to_word(match))
        else:
            yield (_to_word(match),)
    if joined:
        yield tuple(joined)


def read_pictures(text: str) -> list[Word]:
    """Return the pictures, each once: "🔥 Hot lead 🔥" has one."""
    return [Word(picture, (picture,), 1, is_run=True) for picture in split_pictures(text)]


def split_pictures(text: str) -> list[str]:
    """Return what the pictures are found by, each once; none of them is part of a word."""
    return [] if text.isascii() else list(dict.fromkeys(_PICTURE.findall(text)))


def _to_word(match: re.Match[str]) -> Word:
    word, kind = match.group(), match.lastgroup
    if kind is None:
        return Word(word[:MAX_WORD_CHARS], (word[:MAX_WORD_CHARS],), len(word), is_run=False)
    units = _split_units(word)
    return Word(word[:MAX_WORD_CHARS], tuple(_cut(units, PIECE_UNITS[kind])), len(units), is_run=True)


def split_words(text: str) -> list[str]:
    """Return the folded words, each as a whole."""
    folded = fold(text)
    if folded.isascii():
        return [word[:MAX_WORD_CHARS] for word in _ASCII_WORD.findall(folded)]
    return [match.group()[:MAX_WORD_CHARS] for match in _WORD.finditer(folded)]


def split_pieces(text: str) -> list[str]:
    """Return what a text is found by: its words, of a run what begins at each of its signs, and its pictures."""
    folded = fold(text)
    if folded.isascii():
        return [word[:MAX_WORD_CHARS] for word in _ASCII_WORD.findall(folded)]
    pieces: list[str] = []
    for match in _WORD.finditer(folded):
        kind = match.lastgroup
        if kind is None:
            pieces.append(match.group()[:MAX_WORD_CHARS])
        else:
            pieces += _cut_everywhere(_split_units(match.group()), PIECE_UNITS[kind])
    return pieces + split_pictures(text)


def _split_units(run: str) -> Sequence[str]:
    return _UNIT.findall(run) if _COMPOUND.search(run) else run


def _cut(units: Sequence[str], size: int) -> list[str]:
    """Return the pieces that together are the run: one is enough for a run that is no longer than a piece."""
    count = max(1, len(units) - size + 1)
    return [_join(units[start : start + size]) for start in range(count)]


def _cut_everywhere(units: Sequence[str], size: int) -> list[str]:
    """Return what begins at each sign, shorter at the end: so a single sign is found wherever it stands."""
    return [_join(units[start : start + size]) for start in range(len(units))]


def _join(units: Sequence[str]) -> str:
    return units if isinstance(units, str) else "".join(units)[:MAX_WORD_CHARS]


def join_words(text: str) -> list[str]:
    """Return what people also write as one: annemarie, obrien."""
    return ["".join(split_words(match))[:MAX_WORD_CHARS] for match in _JOINED.findall(fold(text))]


def find_joined(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the original text joins words by a hyphen, an apostrophe or the like."""
    for match in _JOINED.finditer(text):
        yield match.span()


def join_runs(text: str) -> list[str]:
    """Return a name of signs as it is written without its spaces, family name first or last: 철수 김 is also 김철수."""
    words = [] if text.isascii() else fold(text).split()
    if len(words) < 2 or not all(match and match.lastgroup == "signs" for match in map(_WORD.fullmatch, words)):  # noqa: PLR2004
        return []
    orders = [words, words[::-1]] if len(words) == 2 else [words]  # noqa: PLR2004 - given name and family name
    return ["".join(order)[:MAX_WORD_CHARS] for order in orders]


def list_starts(words: Iterable[str]) -> list[str]:
    """Return every beginning of every word, once."""
    return list({word[:length]: None for word in words for length in range(1, min(len(word), MAX_START_CHARS) + 1)})


def name_key(text: str) -> str:
    """Write a name so that two spellings of it are equal, whatever the order: "Okonkwo, Zoë" is "okonkwo zoe".

    A name without letters (`***`, a picture) is its signs.
    """
    return " ".join(sorted(split_words(text))) or "".join(fold(text).split())[:MAX_WORD_CHARS]


def list_name_keys(text: str) -> list[str]:
    """Return the keys of a name, one for each way to space it. Empty for a text of nothing."""
    return [key for key in dict.fromkeys((name_key(text), *join_runs(text))) if key]


def digits_of(text: str) -> str:
    """Return the decimal digits, of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def list_endings(number: str) -> list[str]:
    """Return a phone number's endings: a prefix of one is any part of the number."""
    number = number[:MAX_PHONE_DIGITS]
    return [number[start:] for start in range(max(1, len(number) - MIN_PHONE_DIGITS + 1))] if number else []
