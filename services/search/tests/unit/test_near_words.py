"""What is asked of an index's words, and how its answer is read."""

from typing import Any

from crm_search.near_words import MOST, NOTHING_KNOWN, Reach, list_reaches, read_near_words, to_suggesters
from crm_search.query_words import read_query


def make_answer(suggest: dict[str, Any], *, lacking: int = 0) -> dict[str, Any]:
    return {"hits": {"total": {"value": lacking}}, "suggest": suggest}


def make_entry(text: str, *near: str) -> dict[str, Any]:
    return {"text": text, "options": [{"text": word} for word in near]}


def test_each_word_that_may_hold_a_typo_is_asked_once_and_the_joined_one_too() -> None:
    assert list_reaches(read_query("Wil-nark acme renewals of 20261122 acme")) == [
        Reach("words", 1, "nark"),
        Reach("words", 1, "wilnark"),
        Reach("title_starts", 1, "wilnark"),
        Reach("words", 1, "acme"),
        Reach("words", 2, "renewals"),
        Reach("title_starts", 1, "renewals"),
    ]


def test_nothing_is_asked_of_words_without_typos() -> None:
    assert list_reaches(read_query("abc 20261122 東京")) == []


def test_words_of_as_many_edits_go_in_one_text() -> None:
    suggesters = to_suggesters(list_reaches(read_query("nark acme renewals")))
    assert {name: one["text"] for name, one in suggesters.items()} == {
        "words/1": "nark acme",
        "words/2": "renewals",
        "title_starts/1": "renewals",
    }
    assert suggesters["words/2"]["term"]["max_edits"] == 2


def test_the_asked_word_is_among_what_a_field_may_have() -> None:
    near = read_near_words(make_answer({"words/2": [make_entry("stanlansen", "stanlanson")]}))
    for field in ("title", "details", "body", "contact.words"):
        assert near.find(field, "stanlansen", 2) == ["stanlansen", "stanlanson"]
    assert near.find("title_starts", "stanlansen", 1) is None


def test_where_there_are_too_many_words_each_field_finds_its_own() -> None:
    crowd = [f"word{number}" for number in range(MOST)]
    near = read_near_words(make_answer({"words/1": [make_entry("acme", *crowd), make_entry("nark", "mark")]}))
    assert near.find("title", "acme", 1) is None
    assert near.find("title", "nark", 1) == ["nark", "mark"]


def test_nothing_is_known_while_documents_lack_the_field() -> None:
    assert read_near_words(make_answer({"words/1": [make_entry("nark", "mark")]}, lacking=1)) == NOTHING_KNOWN
