"""The words of a query: what was typed, and what each may stand for. Pure.

"Wil-nark" is two words, and one that is written as `wilnark`: names are indexed both ways, so whoever types the join
differently, or the letter behind it wrong, finds them all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from nicknames import NickNamer

from crm_search.folding import MAX_WORD_CHARS, Word, read_compounds, read_pictures

MAX_WORDS: Final = 12
"""More words than this narrow nothing any further, and each costs a dozen clauses. Pieces of a run count as words."""

MIN_RUN_TYPO_UNITS: Final = 3
"""In a run without spaces, two signs are a name; with a typo in it, it is another."""

MIN_TYPO_CHARS: Final = 4
MIN_TWO_TYPOS_CHARS: Final = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """One or more words that were typed as one; `joined` is how they are written without what joins them."""

    words: tuple[Word, ...]
    joined: Word | None


def read_query(text: str) -> list[Asked]:
    """Return what a search looks for, each once: the first of a long text. Pictures count where there are no words."""
    asked: list[Asked] = []
    left = MAX_WORDS
    for compound in dict.fromkeys(read_compounds(text)):
        words: list[Word] = []
        for word in compound:
            if left > 0:
                words.append(replace(word, pieces=word.pieces[:left]))
                left -= len(word.pieces)
        if words:
            asked.append(Asked(tuple(words), _join(words)))
    return asked or [Asked((picture,), None) for picture in read_pictures(text)[:MAX_WORDS]]


def list_words(asked: Sequence[Asked]) -> list[Word]:
    """Return the words as they were typed, each once."""
    return list(dict.fromkeys(word for one in asked for word in one.words))


def allowed_typos(word: str) -> int:
    """One edit from 4 letters, two from 8; numbers are taken as they stand."""
    if len(word) < MIN_TYPO_CHARS or not word.isalpha():
        return 0
    return 1 if len(word) < MIN_TWO_TYPOS_CHARS else 2


def count_typos(word: Word) -> int:
    """Return how many edits a word may be away."""
    return 0 if word.is_run and word.units < MIN_RUN_TYPO_UNITS else allowed_typos(word.text)


def list_other_names(word: Word) -> list[str]:
    """Return what people of this first name are also called: Robert for bob, and Bob for robert."""
    if word.is_run or not word.text.isascii():
        return []
    names = _nicknames()
    return sorted((names.nicknames_of(word.text) | names.canonicals_of(word.text)) - {word.text})


def _join(words: Sequence[Word]) -> Word | None:
    if len(words) < 2 or any(word.is_run for word in words):  # noqa: PLR2004
        return None
    text = "".join(word.text for word in words)[:MAX_WORD_CHARS]
    return Word(text, (text,), len(text), is_run=False)


@cache
def _nicknames() -> NickNamer:
    return NickNamer()
