"""Scripts as search reads them: which are written without spaces, and which letters are one and the same. Tables alone.

Classes are the insides of a regular expression's brackets.
"""

import unicodedata
from typing import Final


def _list_of(first: int, last: int, *categories: str) -> str:
    return "".join(chr(code) for code in range(first, last + 1) if unicodedata.category(chr(code)) in categories)


# Han and kana, the iteration and length marks with them; the middle dot between names is none of them.
_HAN_AND_KANA: Final = (
    "\u3005-\u3007\u3041-\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Syllables, and the letters that folding takes them apart into: so half a syllable finds the whole one.
HANGUL_FIRST: Final = "\u1100-\u115f\ua960-\ua97c"
HANGUL_VOWEL: Final = "\u1160-\u11a7\ud7b0-\ud7c6"
HANGUL_LAST: Final = "\u11a8-\u11ff\ud7cb-\ud7fb"
_HANGUL: Final = f"{HANGUL_FIRST}{HANGUL_VOWEL}{HANGUL_LAST}\u3131-\u318e\uac00-\ud7a3\uffa1-\uffdc"
SIGNS: Final = _HAN_AND_KANA + _HANGUL
"""Signs that are a syllable or a word each, in runs where nothing says where a word begins."""

_SOUTH_EAST_ASIA: Final = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0xA9E0, 0xA9FE), (0xAA60, 0xAA7F))
CLOSE_LETTERS: Final = "".join(_list_of(first, last, "Lo", "Lm") for first, last in _SOUTH_EAST_ASIA)
CLOSE_MARKS: Final = "".join(_list_of(first, last, "Mn", "Mc") for first, last in _SOUTH_EAST_ASIA)
CLOSE: Final = CLOSE_LETTERS + CLOSE_MARKS
"""Letters of alphabets without spaces between words: Thai, Lao, Khmer, Burmese."""

PICTURES: Final = "\u2190-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
"""Emoji, arrows and the like, but for the colours of skin: whoever looks for a hand finds it in any of them."""

FLAG_LETTERS: Final = "\U0001f1e6-\U0001f1ff"
"""Two of them are a picture: a country's flag."""

# What nobody sees: soft hyphens, joiners, marks of direction, the choice between a sign's pictures.
_UNSEEN: Final = "\u00ad\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe00-\ufe0f\ufeff"
_UNSEEN_CODES: Final = (
    *(0xAD, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF),
    *range(0x202A, 0x202F),
    *range(0x2066, 0x206A),
    *range(0xFE00, 0xFE10),
)
MARKS: Final = _UNSEEN + "".join(
    mark
    for mark in _list_of(0x300, 0xFFFF, "Mn", "Mc")
    if mark not in CLOSE_MARKS and not "\u3041" <= mark <= "\u30ff" and not "\ufe00" <= mark <= "\ufe0f"
)
"""What stands inside a word without being a letter: vowel signs of Indic scripts are no letters to `\\w`."""

# Letters that Unicode does not take apart, though people type them with plain ones.
_PLAIN: Final = {
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ħ": "h", "ŧ": "t", "ŋ": "n",  # noqa: RUF001
}  # fmt: skip

# Persian, Urdu and Arabic keyboards write one name with different letters (as Lucene's normalisers have it). Hamza on
# a letter is a mark that folding takes away; tatweel only makes a word longer.
_ARABIC: Final = {
    "\u0649": "\u064a", "\u06cc": "\u064a", "\u06d2": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647",
    "\u06d5": "\u0647", "\u06c1": "\u0647", "\u06be": "\u0647", "\u0671": "\u0627", "\u0640": None,
}  # fmt: skip

ACCENTS: Final = dict.fromkeys(code for code in range(0x300, 0x1E94B) if unicodedata.combining(chr(code)))
"""For `str.translate`, of decomposed text: what stands on, in or under a letter."""

_DIGITS: Final = {code: str(unicodedata.decimal(chr(code))) for code in map(ord, _list_of(0x80, 0xFFFF, "Nd"))}

SAME: Final[dict[int, str | None]] = {
    **_DIGITS,
    **dict.fromkeys(_UNSEEN_CODES),
    **{ord(letter): plain for letter, plain in (*_PLAIN.items(), *_ARABIC.items())},
}
"""For `str.translate`, after accents and case are gone."""
