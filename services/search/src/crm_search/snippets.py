"""The piece of text that shows why a record was found, its matching words in <em>, all else escaped; and where. Pure.

What a page of snippets costs is bounded, whatever the texts and the query: see HIT_STEPS and PAGE_STEPS.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from rapidfuzz.distance import OSA

from crm_search.folding import (
    MAX_START_CHARS,
    MAX_WORD_CHARS,
    digits_of,
    find_joined,
    find_units,
    find_words,
    fold_word,
    split_words,
)
from crm_search.near_words import MIN_START_TYPO_CHARS
from crm_search.passages import Where
from crm_search.phones import PhoneQuery, looks_like_phone
from crm_search.query_words import allowed_typos, list_other_names, list_words, read_query

SNIPPET_CHARS: Final = 160
LEAD_CHARS: Final = 40
"""How much is shown before the first match."""

HIT_STEPS: Final = 20_000
PAGE_STEPS: Final = 400_000
"""Words looked at and comparisons made, of one hit and of all on a page: about 20 ms and 0.4 s. Beyond, no marks."""

CHARS_A_STEP: Final = 8
"""What is no word is read too."""

MAX_JOINED_CHARS: Final = 500
"""How far into a text joined words are looked for: in names and addresses they are, in bodies they are words."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Snippet:
    """`html` of the piece; `matched` says where the query's words stand, empty where that was too long to look for."""

    html: str
    matched: Sequence[Where]


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    spans: Sequence[Span]
    found: Collection[str]


class SnippetCutter:
    """Cuts the snippets of one page: `cut` for each hit, in their order."""

    def __init__(self, query: str, phone: PhoneQuery | None) -> None:
        asked = read_query(query)
        words = list_words(asked)
        self._words = [word.text for word in words if not word.is_run]
        self._pieces = list(dict.fromkeys(piece for word in words if word.is_run for piece in word.pieces))
        self._joined = {one.joined.text: [word.text for word in one.words] for one in asked if one.joined is not None}
        self._called = {name: word.text for word in words for name in list_other_names(word)}
        self._phone = phone
        self._page_steps = PAGE_STEPS
        self._hit_steps = 0
        self._known: dict[tuple[str, bool], tuple[str, ...]] = {}

    def cut(self, passages: Sequence[tuple[Where, str]]) -> Snippet:
        """Return HTML-safe text of about 160 characters out of the passage that has most of the query's words."""
        self._hit_steps = min(HIT_STEPS, self._page_steps)
        self._page_steps -= self._hit_steps
        best: _Passage | None = None
        found: dict[Where, set[str]] = {}
        for where, text in passages:
            passage = self._look_into(text, is_title=where is Where.NAME)
            found.setdefault(where, set()).update(passage.found)
            if best is None or len(passage.found) > len(best.found):
                best = passage
            if len(passage.found) >= max(1, self._asked) or self._hit_steps <= 0:
                break
        self._page_steps += max(0, self._hit_steps)
        return Snippet("" if best is None else _render(best), _choose_places(found))

    @property
    def asks_number(self) -> bool:
        return self._phone is not None

    @property
    def _asked(self) -> int:
        return len(self._words) + len(self._pieces)

    def _look_into(self, text: str, *, is_title: bool) -> _Passage:
        if self._phone is not None and looks_like_phone(text) and _is_part(self._phone, digits_of(text).lstrip("0")):
            return _Passage(text, [(0, len(text))], {*self._words, *self._pieces, text})
        found: set[str] = set()
        spans: list[Span] = []
        read = 0
        for start, end, is_run in find_words(text):
            self._hit_steps -= 1 + (end - read) // CHARS_A_STEP
            read = end
            has_all = len(found) == self._asked and spans and start > spans[0][0] + SNIPPET_CHARS
            if has_all or self._hit_steps <= 0:
                break
            if is_run:
                spans += self._mark_run(text, start, end, found)
            elif matching := self._match(fold_word(text[start : min(end, start + MAX_WORD_CHARS)]), is_title):
                spans.append((start, end))
                found.update(matching)
        else:
            self._hit_steps -= (len(text) - read) // CHARS_A_STEP
        if len(found) < self._asked and self._hit_steps > 0:
            self._hit_steps -= min(len(text), MAX_JOINED_CHARS) // CHARS_A_STEP
            spans = _merge(sorted([*spans, *self._mark_joined(text[:MAX_JOINED_CHARS], found, is_title)]))
        return _Passage(text, spans, found)

    def _match(self, word: str, is_title: bool) -> tuple[str, ...]:  # noqa: FBT001 - beside the word, part of the key
        """Return the query's words that this one, folded, stands for; in a title its beginning may have a typo too."""
        if (word, is_title) not in self._known:
            self._hit_steps -= len(self._words) + len(self._joined)
            alike = [asked for asked in self._words if _matches(asked, word) or (is_title and _begins(asked, word))]
            called = [self._called[word]] if word in self._called else []
            joined = [asked for text, words in self._joined.items() if _matches(text, word) for asked in words]
            self._known[word, is_title] = tuple(dict.fromkeys([*alike, *called, *joined]))
        return self._known[word, is_title]

    def _mark_joined(self, text: str, found: set[str], is_title: bool) -> Iterator[Span]:  # noqa: FBT001
        """Find what was typed as one word, or joined in another way, in the words that a text joins."""
        for start, end in find_joined(text):
            matching = self._match("".join(split_words(text[start:end]))[:MAX_WORD_CHARS], is_title)
            if not found.issuperset(matching):
                found.update(matching)
                yield start, end

    def _mark_run(self, text: str, start: int, end: int, found: set[str]) -> list[Span]:
        """Find the query's pieces in a run without spaces, each from the beginning of a sign on."""
        if not self._pieces:
            return []
        units = list(find_units(text, start, end))
        self._hit_steps -= len(units) + len(self._pieces)
        folded = [
            fold_word(text[unit_start : min(unit_end, unit_start + MAX_WORD_CHARS)]) for unit_start, unit_end in units
        ]
        begins = [0]
        for sign in folded:
            begins.append(begins[-1] + len(sign))
        run, boundaries = "".join(folded), {begin: index for index, begin in enumerate(begins[:-1])}
        spans: list[Span] = []
        for piece in self._pieces:
            for at in _find_all(run, piece):
                if at in boundaries:
                    last = bisect_right(begins, at + len(piece) - 1) - 1
                    spans.append((units[boundaries[at]][0], units[last][1]))
                    found.add(piece)
        return _merge(sorted(spans))


def _choose_places(found: Mapping[Where, set[str]]) -> list[Where]:
    """Return the one place that has every word found, else those that each add a word to what stands before them."""
    everything = set[str]().union(*found.values())
    whole = [where for where, words in found.items() if words and words == everything]
    if whole:
        return whole[:1]
    places, explained = list[Where](), set[str]()
    for where, words in found.items():
        if not words <= explained:
            places.append(where)
            explained |= words
    return places


def _find_all(run: str, piece: str) -> Iterator[int]:
    """Yield where the piece stands; no more often than a snippet could show."""
    at = -1
    for _ in range(SNIPPET_CHARS):
        at = run.find(piece, at + 1)
        if at < 0:
            return
        yield at


def _merge(spans: Sequence[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _is_part(phone: PhoneQuery, number: str) -> bool:
    return phone.part in number or (phone.whole is not None and phone.whole.endswith(number))


def _matches(asked: str, folded: str) -> bool:
    if folded.startswith(asked):
        return True
    typos = allowed_typos(asked)
    return bool(typos) and folded[:1] == asked[:1] and OSA.distance(asked, folded, score_cutoff=typos) <= typos


def _begins(asked: str, folded: str) -> bool:
    """Return whether a word begins as asked but for a typo, which titles are found by (matching.py, `title_starts`)."""
    if len(asked) < MIN_START_TYPO_CHARS or not allowed_typos(asked) or folded[:1] != asked[:1]:
        return False
    start = asked[:MAX_START_CHARS]
    lengths = range(len(start) - 1, min(len(start) + 1, MAX_START_CHARS) + 1)
    return any(OSA.distance(start, folded[:length], score_cutoff=1) <= 1 for length in lengths)


def _render(passage: _Passage) -> str:
    start, end = _choose_window(passage)
    shown = "".join(_mark(passage.text, [span for span in passage.spans if start <= span[0] < end], start, end))
    return f"{'… ' if start else ''}{shown.strip()}{' …' if end < len(passage.text) else ''}"


def _choose_window(passage: _Passage) -> tuple[int, int]:
    """Begin a little before the first match, at a word's edge."""
    text = passage.text
    if len(text) <= SNIPPET_CHARS:
        return 0, len(text)
    first = passage.spans[0][0] if passage.spans else 0
    start = max(0, min(first - LEAD_CHARS, len(text) - SNIPPET_CHARS))
    if start:
        start = text.find(" ", start, first) + 1 or start
    end = start + SNIPPET_CHARS
    if end < len(text):
        last_space = text.rfind(" ", start, end)
        end = last_space if last_space > first else end
    return start, min(end, len(text))


def _mark(text: str, spans: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[str]:
    for span_start, span_end in spans:
        yield escape(text[start:span_start])
        yield f"<em>{escape(text[span_start:span_end])}</em>"
        start = span_end
    yield escape(text[start:end])
