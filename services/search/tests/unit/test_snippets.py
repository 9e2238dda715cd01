"""What of a text is shown, and what in it is marked."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_search.passages import Where
from crm_search.phones import PhoneQuery
from crm_search.snippets import SnippetCutter


def cut(query: str, *texts: str, phone: PhoneQuery | None = None) -> str:
    return SnippetCutter(query, phone).cut([(Where.DETAILS, text) for text in texts]).html


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("zoe", "Zoë Okonkwo", "<em>Zoë</em> Okonkwo"),
        ("okonq", "Zoë Okonkwo", "Zoë Okonkwo"),
        ("oknokwo", "Zoë Okonkwo", "Zoë <em>Okonkwo</em>"),
        ("acm ren", "Acme <renewal> & more", "<em>Acme</em> &lt;<em>renewal</em>&gt; &amp; more"),
        ("em", "<em>not ours</em>", "&lt;<em>em</em>&gt;not ours&lt;/<em>em</em>&gt;"),
        ("annemarie", "Anne-Marie O'Brien", "<em>Anne-Marie</em> O&#x27;Brien"),
        ("wil-nark", "Wil-mark Ltd", "<em>Wil-mark</em> Ltd"),
        ("bob smith", "Robert Smith", "<em>Robert</em> <em>Smith</em>"),
        ("nothing", "else", "else"),
        ("x", "", ""),
    ],
)
def test_marks(query: str, text: str, expected: str) -> None:
    assert cut(query, *([text] if text else [])) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("hecoqav", "Xa Hecosavegare", "Xa <em>Hecosavegare</em>"),
        ("hecsave", "Xa Hecosavegare", "Xa <em>Hecosavegare</em>"),
        ("hexoqav", "Xa Hecosavegare", "Xa Hecosavegare"),
        ("heqo", "Xa Hecosavegare", "Xa Hecosavegare"),
        ("hecoqav7", "Xa Hecosavegare", "Xa Hecosavegare"),
    ],
)
def test_a_title_s_word_may_begin_with_a_typo_as_it_is_found(query: str, text: str, expected: str) -> None:
    assert SnippetCutter(query, None).cut([(Where.NAME, text)]).html == expected
    assert cut(query, text) == text  # elsewhere it is not found so


def test_the_passage_with_most_of_the_words_is_shown() -> None:
    passages = ["Call about prices", "She asked for volume discounts", "volume"]
    assert cut("volume discounts", *passages) == "She asked for <em>volume</em> <em>discounts</em>"


def test_a_long_text_is_cut_round_the_match() -> None:
    text = "lorem ipsum " * 100 + "the zebra stands here " + "dolor sit " * 100
    snippet = cut("zebra", text)
    assert snippet.startswith("… ")
    assert snippet.endswith(" …")
    assert "<em>zebra</em> stands here" in snippet
    assert len(snippet) < 190


def test_a_phone_is_marked_whole_in_any_format() -> None:
    phone = PhoneQuery("4930901820", "30901820")
    assert cut("030 901820", "Zoë", "(030) 90-1820", phone=phone) == "<em>(030) 90-1820</em>"


@given(st.text(max_size=30), st.text(max_size=400))
def test_nothing_but_em_is_markup(query: str, text: str) -> None:
    bare = re.sub(r"</?em>", "", cut(query, text))
    assert "<" not in bare
    assert ">" not in bare


ZOE = [
    (Where.NAME, "Zoë Okonkwo"),
    (Where.EMAIL, "zoe.okonkwo@acme.example"),
    (Where.PHONE, "030 901820"),
    (Where.DETAILS, "Head of Purchasing"),
    (Where.CUSTOM, "gold"),
    (Where.RELATED, "Acme Corporation"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("zoe", ["name"]),
        ("okonkwo zoe", ["name"]),
        ("zoe.okonkwo@acme.example", ["email"]),
        ("acme", ["email"]),
        ("corporation", ["related"]),
        ("zoe corporation", ["name", "related"]),
        ("purchasing gold", ["details", "custom"]),
        ("030 901820", ["phone"]),
        ("zoe 901820 gold", ["name", "phone", "custom"]),
        ("nobody", []),
        ("***", []),
    ],
)
def test_where_the_words_stand(query: str, expected: list[str]) -> None:
    phone = PhoneQuery("4930901820", "30901820") if query == "030 901820" else None
    assert SnippetCutter(query, phone).cut(ZOE).matched == expected


def test_a_page_of_long_texts_is_looked_through_within_bounds() -> None:
    """Neither its marks nor where its words stand may hold up an answer: what is beyond has no mark."""
    cutter = SnippetCutter("zebra", None)
    long = "lorem ipsum dolor " * 10_000 + "zebra"
    found = [cutter.cut([(Where.BODY, long)]) for _ in range(200)]
    assert all(one.matched == [] and "<em>" not in one.html for one in found)
    assert cutter.cut([(Where.NAME, "Zebra")]).matched == []
