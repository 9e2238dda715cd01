"""A walk over the pages of one search: the cursor keeps its place and the instant that recency is seen from."""

import base64
import binascii
import hashlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic_core import from_json

from crm_search.schemas import SearchQuery
from crm_shared.json_text import to_json
from crm_shared.refusals import InvalidField

MAX_SCORE: Final = 1e6
"""Scores are tiers (matching.py), of 100 at most."""


@dataclass(frozen=True, slots=True)
class Walk:
    """`now` is the first page's; `after` the last hit's score and key, None on the first page."""

    now: datetime
    after: tuple[float, str] | None


def begin_or_resume(query: SearchQuery, now: datetime) -> Walk:
    """Return where to go on. Raises InvalidField for a cursor that is not ours or of another search."""
    if query.cursor is None:
        return Walk(now, None)
    try:
        search, started, score, key = from_json(
            base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4)), allow_inf_nan=False
        )
        walk = Walk(datetime.fromisoformat(started).astimezone(UTC), (_to_score(score), str(key)))
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise InvalidField.at("?cursor", "is not a cursor of ours") from None
    if search != _fingerprint(query):
        raise InvalidField.at("?cursor", "belongs to another search")
    return walk


def to_cursor(query: SearchQuery, now: datetime, position: tuple[float, str]) -> str:
    score, key = position
    # The client reads the score as the shortest text of a 32-bit float, which this repeats exactly.
    text = to_json([_fingerprint(query), now.isoformat(), score if math.isfinite(score) else 0.0, key])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _to_score(value: object) -> float:
    """Read a score. A text is none, whatever number it spells, nor is what a 32-bit float can't hold."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < MAX_SCORE:
        raise ValueError("not a score")
    return float(value)


def _fingerprint(query: SearchQuery) -> str:
    """Name what was asked, but for the page: a score of another search would lead nowhere."""
    asked = query.model_dump_json(exclude={"cursor", "limit", "after"})
    return hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
