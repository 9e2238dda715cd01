"""One folding of text for what is indexed and what is asked: no case, no accents, words, digits of phones.

It happens here and not in Elasticsearch, whose core has no such filters; so one index definition serves every
distribution, and a highlighted snippet follows the very rules that found it.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

MAX_WORD_CHARS: Final = 64
MAX_START_CHARS: Final = 20
"""Word beginnings are indexed up to here; a longer one typed is compared by its first 20."""

MIN_PHONE_DIGITS: Final = 4

# Letters that Unicode does not take apart, though people type them with plain ones.
_PLAIN: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ħ": "h", "ŧ": "t", "ŋ": "n"}  # noqa: RUF001
)
# Scripts without spaces between words: each sign is a word of its own, so that any part of a name finds it.
_SIGNS: Final = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Vowel signs of Indic scripts are no letters to `\w`, and belong inside their word.
_MARKS: Final = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)) in {"Mn", "Mc"})
_WORD: Final = re.compile(rf"[{_SIGNS}]|(?:(?![{_SIGNS}])[^\W_]|[{_MARKS}])+")
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")
_JOINED: Final = re.compile(r"[^\W_]+(?:['’‘`.\-&][^\W_]+)+")  # noqa: RUF001 - the apostrophes that people type


def fold(text: str) -> str:
    """Write `text` without case and accents: "Zoë Łuczak" becomes "zoe luczak"."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return bare.casefold().translate(_PLAIN)


@lru_cache(maxsize=20_000)
def fold_word(word: str) -> str:
    return fold(word)


def find_words(text: str) -> list[tuple[int, int]]:
    """Give where each word of the original text begins and ends."""
    return [match.span() for match in _WORD.finditer(text)]


def split_words(text: str) -> list[str]:
    """Give the folded words in their order: "Anne-Marie O'Brien" has anne, marie, o and brien."""
    folded = fold(text)
    pattern = _ASCII_WORD if folded.isascii() else _WORD
    return [word[:MAX_WORD_CHARS] for word in pattern.findall(folded)]


def join_words(text: str) -> list[str]:
    """Give what people also write as one: annemarie, obrien."""
    return ["".join(split_words(match))[:MAX_WORD_CHARS] for match in _JOINED.findall(fold(text))]


def list_starts(words: Iterable[str]) -> list[str]:
    """Give every beginning of every word, once."""
    return list({word[:length]: None for word in words for length in range(1, min(len(word), MAX_START_CHARS) + 1)})


def name_key(text: str) -> str:
    """Write a name so that two spellings of it are equal, whatever the order: "Okonkwo, Zoë" is "okonkwo zoe"."""
    return " ".join(sorted(split_words(text)))


def digits_of(text: str) -> str:
    """Give the decimal digits, of any script, as ASCII."""
    return "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())


def list_endings(number: str) -> list[str]:
    """Give a phone number's endings: a prefix of one is any part of the number."""
    return [number[start:] for start in range(max(1, len(number) - MIN_PHONE_DIGITS + 1))] if number else []
