"""One form for one text; what a line, a name and a name in a path may hold."""

import unicodedata
from urllib.parse import quote, urljoin

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_shared.text import is_seen, to_line, to_name, to_nfc, to_path_name

TAGS = "http://crm.test/v1/contacts/7/tags/"


@given(st.text())
@example("Andre\u0301")
@example("\u1112\u1161\u11ab")
def test_a_text_has_one_form(text: str) -> None:
    assert to_nfc(text) == to_nfc(unicodedata.normalize("NFD", text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("control", ["\x00", "\x07", "\t", "\n", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_line_holds_no_control_character(control: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        to_line(f"a{control}b")


@pytest.mark.parametrize("text", ["\u200b", "\u200b \u2060", "\ufeff", "\u202e\u202c", "\u3164", "\u2800", "\ufe0f"])
def test_a_name_shows_something(text: str) -> None:
    with pytest.raises(ValueError, match="shows nothing"):
        to_name(text)


@pytest.mark.parametrize("text", ["Zoë", "-", "\u200bZoë", "👩\u200d👧", "محمد", "क\u200dष", "X Æ A-12", "李"])
def test_a_name_is_kept(text: str) -> None:
    assert to_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "..",
        "a/b",
        "/",
        "a/../..",
        "../x",
        "..\\..",
        "%2e%2e",
        "%2E.",
        "a%2f..%2f..",
        "a%5c..",
        "%2e",
        ".%2E?",
        "..#",
    ],
)
def test_a_step_is_no_name_in_a_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"slash|step"):
        to_path_name(text)


@given(st.text(st.sampled_from("ab./\\%2eEfF5cC?#~ é"), min_size=1, max_size=12))
def test_whoever_resolves_a_path_stays_below_the_tags(text: str) -> None:
    try:
        name = to_path_name(text)
    except ValueError:
        return
    # Browsers take \ for /, and `%2e` for a dot, before they resolve.
    for written in (name, quote(name, safe="")):
        as_browsers = written.replace("\\", "/").replace("%2e", ".").replace("%2E", ".").partition("?")[0]
        assert urljoin(TAGS, "./" + as_browsers).startswith(TAGS)


def test_marks_without_end_stop_nobody() -> None:
    text = "e" + "\u0301\u0323" * 500_000 + "Cafe\u0301"

    assert to_nfc(text).endswith("Caf\u00e9")
    assert to_nfc("e" + "\u0301" * 30) == unicodedata.normalize("NFC", "e" + "\u0301" * 30)


@pytest.mark.parametrize("beyond", ["", "\U0001f600"])
@pytest.mark.parametrize("marks", [62, 63, 64, 65, 130])
@pytest.mark.parametrize("before", [0, 1, 31, 62, 63, 64, 100])
def test_a_run_stays_as_it_is_wherever_it_stands(before: int, marks: int, beyond: str) -> None:
    run = "\u0301\u0323" * (marks // 2) + "\u0301" * (marks % 2)
    is_kept = marks >= 64
    begin = "x" * before + beyond
    text = begin + run + "e\u0301"
    assert to_nfc(text) == begin + (run if is_kept else unicodedata.normalize("NFC", run)) + "\u00e9"


@pytest.mark.parametrize(
    "code", [0xFDD0, 0xFDEF, *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))]
)
def test_what_unicode_keeps_free_of_characters_is_none_of_a_line(code: int) -> None:
    """Nothing shows it, a spreadsheet's file can't hold it, and two names with and without it look alike."""
    with pytest.raises(ValueError, match="control character"):
        to_line(f"Ada{chr(code)}")
    assert not is_seen(chr(code))


@pytest.mark.parametrize("text", ["\ufdcf", "\ufdf0", "\ufffd", "\U0001fffd", "\U00020000"])
def test_its_neighbours_are_characters(text: str) -> None:
    assert to_line(text) == text
    assert is_seen(text)
