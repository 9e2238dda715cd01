"""From a record's texts to the words that queries look into, within bounds. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from crm_search.folding import (
    join_runs,
    join_words,
    list_name_keys,
    list_starts,
    split_pictures,
    split_pieces,
    split_words,
)

MAX_PASSAGE_CHARS: Final = 20_000
"""How much of one text a snippet is looked for in, and of one detail is indexed."""

MAX_BODY_CHARS: Final = 100_000
MAX_DETAILS_CHARS: Final = 200_000
"""How much of a body, and of all details of a record, is indexed: a bound to what one record can cost everybody.

More than the services take, so that nothing of theirs is left out.
"""


def index_words(*texts: str | None) -> list[str]:
    """Return the words of short texts, also those that people write as one."""
    return [word for text in _bound(texts) for word in (*split_pieces(text), *_join(text))]


def _join(text: str) -> list[str]:
    """Return what people also write as one, runs by their pieces."""
    if text.isascii():
        return join_words(text)
    return [piece for joined in (*join_words(text), *join_runs(text)) for piece in split_pieces(joined)]


def _bound(texts: Iterable[str | None]) -> Iterator[str]:
    left = MAX_DETAILS_CHARS
    for text in texts:
        if text and left:
            bounded = text[: min(left, MAX_PASSAGE_CHARS)]
            left -= len(bounded)
            yield bounded


def to_words(
    title: str | None, *, keys: Iterable[str | None] = (), details: Iterable[str | None] = (), body: str | None = None
) -> dict[str, Any]:
    """Return the fields that queries look into. `keys`: what names the record and no other, each as typed whole."""
    bounded = (title or "")[:MAX_PASSAGE_CHARS]
    title_words = [*split_words(bounded), *join_words(bounded), *join_runs(bounded), *split_pictures(bounded)]
    return {
        "exact": sorted({key for text in (title, *keys) if text for key in list_name_keys(text[:MAX_PASSAGE_CHARS])}),
        "title": " ".join(title_words),
        "title_starts": " ".join(list_starts(title_words if bounded.isascii() else title_words + index_words(bounded))),
        "details": " ".join(index_words(*details)),
        "body": " ".join(split_pieces((body or "")[:MAX_BODY_CHARS])),
    }
