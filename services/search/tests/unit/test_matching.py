"""The tiers' one promise, and where typos are allowed."""

from itertools import pairwise

import pytest

from crm_search import matching
from crm_search.matching import OLDEST
from crm_search.query_words import Asked, allowed_typos, list_other_names, list_words, read_query

TIERS = [
    matching.EXACT,
    matching.ALL_WORDS,
    matching.ALL_STARTS,
    matching.NICKNAMES,
    matching.TYPOS,
    matching.DETAILS,
    matching.RELATED,
    matching.BODY,
    matching.TYPOS_ANYWHERE,
    matching.MOST_WORDS,
]


def test_a_score_tells_its_tier() -> None:
    assert list(matching.TIERS) == TIERS
    for tier in TIERS:
        for recency in (1, 0.85, OLDEST, OLDEST * (1 - 1e-6)):
            assert matching.find_tier(tier * recency) == tier


def test_the_oldest_of_a_tier_beats_the_newest_of_the_next() -> None:
    for better, worse in pairwise(TIERS):
        assert better * OLDEST > worse


@pytest.mark.parametrize(
    ("word", "typos"), [("abc", 0), ("acme", 1), ("renewal", 1), ("quantity", 2), ("20261122", 0), ("sf0031", 0)]
)
def test_allowed_typos(word: str, typos: int) -> None:
    assert allowed_typos(word) == typos


def spell(asked: list[Asked]) -> list[tuple[list[str], str | None]]:
    return [([word.text for word in one.words], one.joined.text if one.joined else None) for one in asked]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Wil-nark", [(["wil", "nark"], "wilnark")]),
        ("Anne-Marie O'Brien", [(["anne", "marie"], "annemarie"), (["o", "brien"], "obrien")]),
        ("zoe wil-nark ltd", [(["zoe"], None), (["wil", "nark"], "wilnark"), (["ltd"], None)]),
        ("a.b@c.de", [(["a", "b"], "ab"), (["c", "de"], "cde")]),
        ("- wil - mark -", [(["wil"], None), (["mark"], None)]),
        ("zoe zoe Zoë", [(["zoe"], None)]),
        ("東京-大阪", [(["東京", "大阪"], None)]),
        ("a-b-c-d-e-f-g-h-i-j-k-l-m-n", [(list("abcdefghijkl"), "abcdefghijkl")]),
        ("***", []),
    ],
    ids=range(9),
)
def test_what_is_typed_as_one_is_read_both_ways(query: str, expected: list[tuple[list[str], str | None]]) -> None:
    assert spell(read_query(query)) == expected


def test_names_that_people_go_by() -> None:
    (bob, robert, none) = list_words(read_query("Bob Robert 東京"))
    assert "robert" in list_other_names(bob)
    assert "bob" in list_other_names(robert)
    assert bob.text not in list_other_names(bob)
    assert list_other_names(none) == []
