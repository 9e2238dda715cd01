"""What of a text is shown, and what in it is marked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_search.phones import PhoneQuery
from crm_search.snippets import SnippetCutter


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
    assert SnippetCutter(query, None).cut([text] if text else []) == expected


def test_the_passage_with_most_of_the_words_is_shown() -> None:
    passages = ["Call about prices", "She asked for volume discounts", "volume"]
    assert SnippetCutter("volume discounts", None).cut(passages) == "She asked for <em>volume</em> <em>discounts</em>"


def test_a_long_text_is_cut_round_the_match() -> None:
    text = "lorem ipsum " * 100 + "the zebra stands here " + "dolor sit " * 100
    snippet = SnippetCutter("zebra", None).cut([text])
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert "<em>zebra</em> stands here" in snippet
    assert len(snippet) < 190


def test_a_phone_is_marked_whole_in_any_format() -> None:
    phone = PhoneQuery("4930901820", "30901820")
    assert SnippetCutter("030 901820", phone).cut(["Zoë", "(030) 90-1820"]) == "<em>(030) 90-1820</em>"


@given(st.text(max_size=30), st.text(max_size=400))
def test_nothing_but_em_is_markup(query: str, text: str) -> None:
    bare = re.sub(r"</?em>", "", SnippetCutter(query, None).cut([text]))
    assert "<" not in bare
    assert ">" not in bare
