"""Text, names and numbers as search sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_search.folding import (
    digits_of,
    find_words,
    fold,
    fold_word,
    join_words,
    list_endings,
    list_starts,
    name_key,
    split_words,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Zoë", "zoe"),
        ("Zoe\u0308", "zoe"),
        ("ŁUCZAK", "luczak"),
        ("Straße", "strasse"),
        ("Ærøskøbing", "aeroskobing"),
        ("İstanbul", "istanbul"),
        ("Ｆｕｌｌ", "full"),  # noqa: RUF001
        ("ΑΘΉΝΑ", "αθηνα"),
    ],
)
def test_folding_takes_case_and_accents_away(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_are_split_where_people_split_them() -> None:
    assert split_words("Anne-Marie O'Brien (née Müller), 3rd") == [
        "anne",
        "marie",
        "o",
        "brien",
        "nee",
        "muller",
        "3rd",
    ]
    assert join_words("Anne-Marie O’Brien of J.P. Morgan") == ["annemarie", "obrien", "jp"]  # noqa: RUF001
    assert split_words("zoe.okonkwo@acme.example") == ["zoe", "okonkwo", "acme", "example"]
    assert split_words("王小明 Ltd") == ["王小明", "ltd"]
    assert split_words("हिन्दी भाषा") == [fold("हिन्दी"), fold("भाषा")]
    assert split_words("!?! _ --") == []


def test_a_names_key_knows_no_order() -> None:
    assert name_key("Okonkwo, Zoë") == name_key("zoe  OKONKWO") == "okonkwo zoe"


def test_starts_and_endings() -> None:
    assert list_starts(["zoe", "zoo"]) == ["z", "zo", "zoe", "zoo"]
    assert len(list_starts(["x" * 64])) == 20
    assert list_endings("4930901820")[0] == "4930901820"
    assert list_endings("4930901820")[-1] == "1820"
    assert list_endings("12") == ["12"]
    assert list_endings("") == []


def test_digits_of_any_script() -> None:
    assert digits_of("+49 (30) 90-18") == "49309018"
    assert digits_of("٠١٢") == "012"


@given(st.text(max_size=200))
def test_found_words_fold_to_split_words(text: str) -> None:
    """A snippet marks words of the original text: it must see the same words as the index."""
    found = "".join(fold_word(text[start:end]) for start, end, _ in find_words(text) if end - start <= 64)
    assert set(found) <= set(fold(text))


@given(st.text(max_size=200))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert split_words(" ".join(split_words(text))) == split_words(text)
