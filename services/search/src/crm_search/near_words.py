"""Which of an index's words are within a typing error of those that were asked for: reckoned once a word. Pure.

To make the automaton of two errors takes a node some 5 ms, however little the field holds that it is held against.
One in each field was four fifths of what a search cost; so all of a document's words are in one field too, its
vocabulary is asked first, and the fields are then asked for the words that it has.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from crm_search.folding import MAX_START_CHARS, Word
from crm_search.query_words import Asked, count_typos

ALL_WORDS: Final = "words"
"""The field that has all words of a document, of what it refers to as well: of whom it tells nobody is asked here."""

TITLE_STARTS: Final = "title_starts"

FIRST_FORM: Final = 7
LACKING: Final[Mapping[str, Any]] = {"range": {"form": {"lt": FIRST_FORM}}}
"""Documents that were written before there was the field; they are in a live index until it is replaced."""

MOST: Final = 1000
"""Words within reach of one. Where there are as many, each field is asked for its own nearest."""

MIN_START_TYPO_CHARS: Final = 5
"""Half a word with a typo in it says little when it is short: `acme` must not find every `ace`."""

_OPTIONS: Final[Mapping[str, Any]] = {
    "size": MOST,
    "prefix_length": 1,
    "min_word_length": 1,
    "suggest_mode": "always",
    # What follows is there to mend a text, where a word that many have is right and a far one is worse than none.
    "max_term_freq": 1_000_000_000,
    "accuracy": 0.01,
}


class Reach(NamedTuple):
    """What is asked of a field's vocabulary: the words up to so many edits from `text`."""

    field: str
    typos: int
    text: str


@dataclass(frozen=True, slots=True)
class NearWords:
    """What the vocabularies have, by what was asked of them. Nothing where there was too much."""

    found: Mapping[Reach, Sequence[str]]

    def find(self, field: str, text: str, typos: int) -> Sequence[str] | None:
        """Return the words that a field may have, the asked one among them; None: the field itself is to be asked."""
        return self.found.get(Reach(TITLE_STARTS if field == TITLE_STARTS else ALL_WORDS, typos, text))


NOTHING_KNOWN: Final = NearWords({})


def list_reaches(asked: Iterable[Asked]) -> list[Reach]:
    """Return what is to be known of the words of a query, of joined ones too."""
    words = [word for one in asked for word in (*one.words, *([one.joined] if one.joined else []))]
    return list(dict.fromkeys(reach for word in words for reach in _list_reaches(word)))


def _list_reaches(word: Word) -> list[Reach]:
    typos = count_typos(word)
    if not typos:
        return []
    starts = [Reach(TITLE_STARTS, 1, word.text[:MAX_START_CHARS])] if len(word.text) >= MIN_START_TYPO_CHARS else []
    return [Reach(ALL_WORDS, typos, word.text), *starts]


def to_suggesters(reaches: Iterable[Reach]) -> dict[str, Any]:
    """Write the question: a suggester for each field and number of edits, and in it a text of all words."""
    texts: dict[tuple[str, int], list[str]] = defaultdict(list)
    for reach in reaches:
        texts[reach.field, reach.typos].append(reach.text)
    return {
        f"{field}/{typos}": {"text": " ".join(words), "term": {**_OPTIONS, "field": field, "max_edits": typos}}
        for (field, typos), words in texts.items()
    }


def read_near_words(answer: Mapping[str, Any]) -> NearWords:
    """Read the answer to the question, and to whether there are documents that lack the field."""
    if answer["hits"]["total"]["value"]:
        return NOTHING_KNOWN
    found: dict[Reach, Sequence[str]] = {}
    for name, entries in answer["suggest"].items():
        field, _, typos = name.partition("/")
        for entry in entries:
            if len(entry["options"]) < MOST:
                words = [entry["text"], *(option["text"] for option in entry["options"])]
                found[Reach(field, int(typos), entry["text"])] = words
    return NearWords(found)
