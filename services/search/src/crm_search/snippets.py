"""The piece of text that shows why a record was found, its matching words in <em>, all else escaped. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from crm_search.folding import digits_of, find_words, fold_word, split_words
from crm_search.matching import MAX_WORDS, allowed_typos
from crm_search.phones import PhoneQuery, looks_like_phone

SNIPPET_CHARS: Final = 160
LEAD_CHARS: Final = 40
"""How much is shown before the first match."""

MAX_TYPOS: Final = 2


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    spans: Sequence[tuple[int, int]]
    words_found: int


def cut_snippet(query: str, phone: PhoneQuery | None, passages: Sequence[str]) -> str:
    """Give HTML-safe text of about 160 characters out of the passage that has most of the query's words."""
    asked = list(dict.fromkeys(split_words(query)))[:MAX_WORDS]
    best: _Passage | None = None
    for text in passages:
        passage = _look_into(text, asked, phone)
        if best is None or passage.words_found > best.words_found:
            best = passage
        if passage.words_found >= max(1, len(asked)):
            break
    return "" if best is None else _render(best)


def _look_into(text: str, asked: Sequence[str], phone: PhoneQuery | None) -> _Passage:
    if phone is not None and looks_like_phone(text) and _is_part(phone, digits_of(text).lstrip("0")):
        return _Passage(text, [(0, len(text))], len(asked) + 1)
    found: set[str] = set()
    spans = []
    for start, end in find_words(text):
        matching = [word for word in asked if _matches(word, text[start:end])]
        if matching:
            spans.append((start, end))
            found.update(matching)
    return _Passage(text, spans, len(found))


def _is_part(phone: PhoneQuery, number: str) -> bool:
    return phone.part in number or (phone.whole is not None and phone.whole.endswith(number))


def _matches(asked: str, word: str) -> bool:
    folded = fold_word(word)
    if folded.startswith(asked):
        return True
    typos = allowed_typos(asked)
    return bool(typos) and folded[:1] == asked[:1] and count_edits(asked, folded) <= typos


def count_edits(one: str, other: str) -> int:
    """Count insertions, deletions, substitutions and swaps of neighbours, up to 3 ("more than is allowed")."""
    if abs(len(one) - len(other)) > MAX_TYPOS:
        return MAX_TYPOS + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, right in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > MAX_TYPOS:
            return MAX_TYPOS + 1
    return row[-1]


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
