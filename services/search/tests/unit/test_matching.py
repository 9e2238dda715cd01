"""The tiers' one promise, and where typos are allowed."""

from itertools import pairwise

import pytest

from crm_search import matching
from crm_search.matching import OLDEST, allowed_typos

TIERS = [
    matching.EXACT,
    matching.ALL_WORDS,
    matching.ALL_STARTS,
    matching.TYPOS,
    matching.DETAILS,
    matching.RELATED,
    matching.BODY,
    matching.TYPOS_ANYWHERE,
    matching.MOST_WORDS,
]


def test_the_oldest_of_a_tier_beats_the_newest_of_the_next() -> None:
    for better, worse in pairwise(TIERS):
        assert better * OLDEST > worse


@pytest.mark.parametrize(
    ("word", "typos"), [("abc", 0), ("acme", 1), ("renewal", 1), ("quantity", 2), ("20261122", 0), ("sf0031", 0)]
)
def test_allowed_typos(word: str, typos: int) -> None:
    assert allowed_typos(word) == typos
