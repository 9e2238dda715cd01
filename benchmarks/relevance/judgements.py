"""Queries and what they mean, by class: each is made from a record, and that record is what was meant.

Records that were made of the same parts are as good: who types a name means any who has it. The engine is not asked.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.duplicates.names import ENGLISH_SHORT_FORMS
from benchmarks.relevance.office import Made, Office, strip_accents

PARTS: Final = re.compile(r"[^\W_]+")
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Judged:
    """`meant` are keys of records; what else is found is beside the point."""

    kind: str
    query: str
    meant: frozenset[str]


Maker = Callable[[random.Random, Office], tuple[str, Iterable[Made]]]


def make_judgements(office: Office, *, each: int, seed: int) -> list[Judged]:
    """Return `each` queries of every class."""
    chance = random.Random(seed)  # noqa: S311 - a seed repeats it
    return [judged for kind, make in MAKERS.items() for judged in _make_kind(kind, make, chance, office, each)]


def _make_kind(kind: str, make: Maker, chance: random.Random, office: Office, each: int) -> Iterator[Judged]:
    for _ in range(each):
        query, meant = make(chance, office)
        yield Judged(kind, query, frozenset(one.key for one in meant))


def _words(text: str) -> list[str]:
    return PARTS.findall(strip_accents(text))


def _same_title(records: Sequence[Made], title: str) -> list[Made]:
    words = sorted(_words(title))
    return [one for one in records if sorted(_words(one.title)) == words]


def _named(office: Office) -> list[Made]:
    return [*office.companies, *office.contacts]


def _misspell(chance: random.Random, word: str, *, first: int) -> str:
    """Put one letter wrong, at `first` or after it: another, one too many, one too few, or two changed about."""
    at = chance.choice([index for index in range(first, len(word)) if word[index].isalpha()])
    letter = chance.choice([one for one in LETTERS if one != word[at].lower()])
    before, after = word[:at], word[at + 1 :]
    other = before + letter + after
    swapped = before + after[:1] + word[at] + after[1:]
    return chance.choice((other, before + letter + word[at:], before + after, swapped if swapped != word else other))


def _exact(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice(_named(office))
    return meant.title, _same_title(_named(office), meant.title)


def _two_words(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice([one for one in office.contacts if len(_words(one.title)) == 2 and one.title.isascii()])
    first, last = _words(meant.title)
    asked = [last[: chance.randrange(4, 8)], first[: chance.randrange(3, 6)]]
    return " ".join(asked), [one for one in office.contacts if _begins(_words(one.title), asked)]


def _begins(words: Sequence[str], asked: Sequence[str]) -> bool:
    return all(any(word.startswith(part) for word in words) for part in asked)


def _typo(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    wanted = [one for one in office.contacts if one.parts["last"].isascii() and one.parts["last"].isalpha()]
    meant = chance.choice([one for one in wanted if len(one.parts["last"]) >= 5])
    wrong = _misspell(chance, meant.parts["last"], first=1)
    return f"{meant.parts['first']} {wrong}", _same_title(office.contacts, meant.title)


def _compound_typo(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    """Behind the hyphen or apostrophe any letter may be the wrong one, the first one too."""
    meant = chance.choice([one for one in office.contacts if re.search(r"['-]\w{4}", one.parts["last"])])
    last = meant.parts["last"]
    behind = max(last.rfind("-"), last.rfind("'")) + 1
    wrong = last[:behind] + _misspell(chance, last[behind:], first=0)
    if chance.random() < 0.5:
        return wrong, [one for one in office.contacts if one.parts["last"] == last]
    return f"{meant.parts['first']} {wrong}", _same_title(office.contacts, meant.title)


def _accent(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    accented = [one for one in office.contacts if not one.title.isascii() and strip_accents(one.title).isascii()]
    meant = chance.choice(accented)
    plain = strip_accents(meant.title)
    return plain.title() if chance.random() < 0.5 else plain, _same_title(office.contacts, meant.title)


def _nickname(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice(
        [one for one in office.contacts if one.parts["first"] in ENGLISH_SHORT_FORMS and one.title.isascii()]
    )
    short, last = chance.choice(ENGLISH_SHORT_FORMS[meant.parts["first"]]), meant.parts["last"]
    called = {short, *(name for name in ENGLISH_SHORT_FORMS if short in ENGLISH_SHORT_FORMS[name])}
    return f"{short} {last}", [
        one for one in office.contacts if one.parts["last"] == last and one.parts["first"] in called
    ]


def _phone(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice(office.contacts)
    country, number = meant.parts["e164"], meant.parts["number"]
    spaced = f"{number[:3]} {number[3:]}"
    asked = chance.choice((country, f"00{country[1:]}", f"{country[:3]} {country[3:]}", number, spaced, number[-7:]))
    digits = "".join(letter for letter in asked if letter.isdecimal()).removeprefix("00")
    return asked, [one for one in office.contacts if digits in one.parts["e164"]]


def _email_part(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice([one for one in office.contacts if one.title.isascii()])
    local, _, domain = meant.parts["email"].partition("@")
    asked = chance.choice((meant.parts["email"], local, f"{local}@{domain.partition('-')[0]}"))
    return asked, [one for one in office.contacts if one.parts["email"].startswith(asked)]


def _mixed_type(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    """Name a word of the record itself and one of another that it belongs to."""
    records, own = chance.choice(((office.contacts, "first"), (office.deals, "subject")))
    wanted = [one for one in records if one.parts["company"].isalpha() and one.title.isascii()]
    meant = chance.choice(wanted)
    word = meant.parts[own].split()[0]
    same = [one for one in wanted if one.parts["company"] == meant.parts["company"]]
    return f"{word} {meant.parts['company']}", [one for one in same if one.parts[own].split()[0] == word]


def _long_note(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice(office.activities)
    asked = chance.sample(sorted(meant.topics), 2)
    return f"{asked[0]} {asked[1]}", [one for one in office.activities if set(asked) <= one.topics]


def _non_latin(chance: random.Random, office: Office) -> tuple[str, Iterable[Made]]:
    meant = chance.choice([one for one in office.contacts if not strip_accents(one.title).isascii()])
    first, last = meant.parts["first"], meant.parts["last"]
    asked = chance.choice((f"{first} {last}", f"{last} {first}", f"{last} {first[:2]}"))
    begins = asked.split()
    return asked, [one for one in office.contacts if _begins([one.parts["first"], one.parts["last"]], begins)]


MAKERS: Final[dict[str, Maker]] = {
    "exact": _exact,
    "two words": _two_words,
    "typo": _typo,
    "typo in a compound": _compound_typo,
    "accent": _accent,
    "nickname": _nickname,
    "phone": _phone,
    "e-mail part": _email_part,
    "mixed type": _mixed_type,
    "long note": _long_note,
    "non-Latin": _non_latin,
}
