"""What of a text is shown, and what in it is marked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_search.phones import PhoneQuery
from crm_search.snippets import count_edits, cut_snippet


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("zoe", "Zoë Okonkwo", "<em>Zoë</em> Okonkwo"),
        ("okonq", "Zoë Okonkwo", "Zoë Okonkwo"),
        ("oknokwo", "Zoë Okonkwo", "Zoë <em>Okonkwo</em>"),
        ("acm ren", "Acme <renewal> & more", "<em>Acme</em> &lt;<em>renewal</em>&gt; &amp; more"),
        ("em", "<em>not ours</em>", "&lt;<em>em</em>&gt;not ours&lt;/<em>em</em>&gt;"),
        ("nothing", "else", "else"),
        ("x", "", ""),
    ],
)
def test_marks(query: str, text: str, expected: str) -> None:
    assert cut_snippet(query, None, [text] if text else []) == expected


def test_the_passage_with_most_of_the_words_is_shown() -> None:
    passages = ["Call about prices", "She asked for volume discounts", "volume"]
    assert cut_snippet("volume discounts", None, passages) == "She asked for <em>volume</em> <em>discounts</em>"


def test_a_long_text_is_cut_round_the_match() -> None:
    text = "lorem ipsum " * 100 + "the zebra stands here " + "dolor sit " * 100
    snippet = cut_snippet("zebra", None, [text])
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert "<em>zebra</em> stands here" in snippet
    assert len(snippet) < 190


def test_a_phone_is_marked_whole_in_any_format() -> None:
    phone = PhoneQuery("4930901820", "30901820")
    assert cut_snippet("030 901820", phone, ["Zoë", "(030) 90-1820"]) == "<em>(030) 90-1820</em>"


@given(st.text(max_size=30), st.text(max_size=400))
def test_nothing_but_em_is_markup(query: str, text: str) -> None:
    bare = re.sub(r"</?em>", "", cut_snippet(query, None, [text]))
    assert "<" not in bare
    assert ">" not in bare


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("acme", "acme", 0), ("acme", "acne", 1), ("acme", "amce", 1), ("acme", "acm", 1), ("acme", "accme", 1),
     ("corporation", "corpration", 1), ("corporation", "corparatoin", 2), ("a", "abcde", 3), ("abcdef", "uvwxyz", 3)],
)  # fmt: skip
def test_edits(one: str, other: str, edits: int) -> None:
    assert count_edits(one, other) == edits
    assert count_edits(other, one) == edits
