"""Text as people see it: one form for one text, and what a line of it may hold. Pure."""

import re
import unicodedata
from typing import Final
from urllib.parse import unquote

_UNSEEN: Final = {"Cc", "Cf", "Zs", "Zl", "Zp"}
# Letters, marks and a symbol to Unicode, and blank on paper: grapheme joiner, Hangul fillers, Khmer inherent vowels,
# Mongolian and other variation selectors, the empty Braille cell.
# Code points that Unicode keeps free of characters for ever: nothing shows them, and no XML may hold U+FFFE.
_NO_CHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane << 16 | 0xFFFE)}{chr(plane << 16 | 0xFFFF)}" for plane in range(17)
)
_BLANK: Final = re.compile(
    f"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef{_NO_CHARACTERS}]"
)
_CONTROL: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{_NO_CHARACTERS}]")
# Letters with a stroke or without their dot have no accent to Unicode, and to people they do.
_STROKED: Final = str.maketrans("øłđħŧı", "oldhti")
# To put marks in their order takes the square of their number: a body of nothing else would stop the process. UAX 15
# calls 30 of them in a row safe.
_FIRST_BEYOND: Final = "\U00010000"
_MARKS: Final = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.combining(chr(code)))
_LONG_RUN: Final = re.compile(f"([{_MARKS}]{{64,}})")
# The same where nothing stands beyond the basic plane: twenty times as quick.
_LONG_BASIC_RUN: Final = re.compile(f"([{''.join(mark for mark in _MARKS if mark < _FIRST_BEYOND)}]{{64,}})")
_BEYOND: Final = re.compile(f"[{_FIRST_BEYOND}-\U0010ffff]")
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_STEPS: Final = re.compile(r"[/\\]")


def to_nfc(text: str) -> str:
    """Return the text in Unicode NFC: `e` and an accent behind it become the one letter that keyboards write.

    A run of more marks than any language writes stays as it is.
    """
    if text.isascii():
        return text
    if not any(map(unicodedata.combining, text[63::64])):  # none of 64 marks passes between these
        return unicodedata.normalize("NFC", text)
    parts = (_LONG_RUN if _BEYOND.search(text) else _LONG_BASIC_RUN).split(text)
    parts[::2] = [unicodedata.normalize("NFC", part) for part in parts[::2]]
    return "".join(parts)


def is_storable(text: str) -> bool:
    """Can PostgreSQL hold this text? NUL and lone surrogates it can't."""
    return "\x00" not in text and (text.isascii() or _LONE_SURROGATE.search(text) is None)


def is_seen(text: str) -> bool:
    """Return whether anything of the text would show on paper: spaces, controls and joiners would not."""
    return any(unicodedata.category(character) not in _UNSEEN for character in _BLANK.sub("", text))


def has_control(text: str) -> bool:
    """Return whether the text holds a control character; a tab, a line's end and what is no character are such."""
    return _CONTROL.search(text) is not None


def to_line(text: str) -> str:
    """Return one line of text in NFC. Raises ValueError for a control character in it."""
    if has_control(text):
        raise ValueError("holds a control character, such as a tab or a line's end, or what is no character")
    return to_nfc(text)


def to_name(text: str) -> str:
    """Return one line that shows something, in NFC. Raises ValueError for a control character, or if nothing shows."""
    line = to_line(text)
    if not is_seen(line):
        raise ValueError("shows nothing: it holds invisible characters only")
    return line


def to_path_name(text: str) -> str:
    """Return a name that may stand in a path. Raises ValueError for one that a client would resolve into another path.

    Clients resolve `.` and `..` before they send, written as `%2E` too, and browsers take a backslash for a slash. The
    path ends at a `?` or `#` that is not written as an escape.
    """
    if "/" in text:
        raise ValueError("holds a slash")
    path = text.partition("?")[0].partition("#")[0]
    if any(step in {".", ".."} for whole in (text, path) for step in _STEPS.split(unquote(whole))):
        raise ValueError("would be a step in a path: . and .. are none of a name")
    return text


def to_plain_letters(text: str) -> str:
    """Return the text without case and accents, as far as they can be told apart from letters without a language."""
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in parted if not unicodedata.combining(each)).translate(_STROKED)
