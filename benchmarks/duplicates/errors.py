"""What goes wrong when a person's data is typed, heard on the telephone, read off paper, or entered in part."""

import random
from datetime import date, timedelta
from typing import Final

from benchmarks.duplicates.names import KEYBOARD

_HEARD: Final = (
    ("ph", "f"), ("f", "ph"), ("ck", "k"), ("c", "k"), ("k", "c"), ("ie", "y"), ("y", "ie"), ("i", "y"), ("ee", "ea"),
    ("ou", "ow"), ("th", "t"), ("t", "th"), ("s", "z"), ("z", "s"), ("v", "f"), ("m", "n"), ("n", "m"), ("b", "p"),
    ("d", "t"), ("ei", "ai"), ("wh", "w"), ("gh", "g"), ("er", "or"), ("a", "e"), ("ss", "s"), ("l", "ll"), ("e", ""),
)  # fmt: skip
_READ: Final = (
    ("rn", "m"), ("m", "rn"), ("cl", "d"), ("d", "cl"), ("l", "i"), ("i", "l"), ("h", "b"), ("e", "c"), ("c", "e"),
    ("o", "a"), ("u", "ii"), ("vv", "w"), ("w", "vv"), ("n", "ri"), ("g", "q"), ("a", "o"), ("f", "t"), ("s", "5"),
    ("1", "7"), ("7", "1"), ("0", "6"), ("6", "0"), ("8", "3"), ("3", "8"), ("5", "6"), ("9", "4"), ("o", "0"),
)  # fmt: skip
_HEARD_DIGITS: Final = {"5": "9", "9": "5", "2": "3", "3": "2", "6": "7", "0": "4"}


def mistype(text: str, chance: random.Random) -> str:
    """Strike a neighbouring key, leave one out, strike one twice, or two in the wrong order."""
    if len(text) < 2:
        return text
    at = chance.randrange(len(text))
    following = min(at + 1, len(text) - 1)
    ways = (
        text[:at] + chance.choice(KEYBOARD.get(text[at].lower(), text[at])) + text[at + 1 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
        text[:at] + text[following] + text[at] + text[following + 1 :]
        if at < following
        else text[1] + text[0] + text[2:],
    )
    return chance.choice(ways)


def mishear(text: str, chance: random.Random) -> str:
    """Write a name as it sounds; of a number hear one digit for another."""
    if any(character.isdigit() for character in text):
        return _replace_digit(text, chance, _HEARD_DIGITS)
    return _replace_one(text, chance, _HEARD)


def misread(text: str, chance: random.Random) -> str:
    """Take letters for others that look like them, as a scanner does."""
    return _replace_one(text, chance, _READ)


def _replace_one(text: str, chance: random.Random, table: tuple[tuple[str, str], ...]) -> str:
    lower = text.lower()
    places = [(lower.index(old, 1), old, new) for old, new in table if old in lower[1:]]
    if not places:
        return mistype(text, chance)
    at, old, new = chance.choice(places)
    return text[:at] + new + text[at + len(old) :]


def _replace_digit(text: str, chance: random.Random, table: dict[str, str]) -> str:
    places = [at for at, character in enumerate(text) if character in table]
    if not places:
        return text
    at = chance.choice(places)
    return text[:at] + table[text[at]] + text[at + 1 :]


def scramble(text: str, chance: random.Random) -> str:
    """Let a few letters change places."""
    letters = list(text)
    for _ in range(2):
        if len(letters) > 3:
            one, other = chance.randrange(len(letters)), chance.randrange(len(letters))
            letters[one], letters[other] = letters[other], letters[one]
    return "".join(letters)


def garble(text: str, chance: random.Random) -> str:
    return chance.choice((mistype, mistype, mishear, misread))(text, chance)


def misdate(day: str, chance: random.Random) -> str | None:
    """Write a date wrong; None where no calendar has what comes of it."""
    year, month, of_month = day.split("-")
    ways = (
        f"{year}-{of_month}-{month}",
        f"{mishear(year, chance)}-{month}-{of_month}",
        f"{year}-{mistype(month, chance)}-{of_month}",
        f"{year}-{month}-{chance.randrange(1, 29):02}",
        f"{int(year) + chance.choice((-1, 1, -10, 10))}-{month}-{of_month}",
        f"{year}-01-01",
        (date.fromisoformat(day) + timedelta(days=chance.choice((-1, 1, 30)))).isoformat(),
        f"{year[0]}{year[1]}{year[3]}{year[2]}-{month}-{of_month}",
    )
    try:
        return date.fromisoformat(chance.choice(ways)).isoformat()
    except ValueError:
        return None
