"""Two more sets of labelled contacts, with other people and other slips than `records`. Written apart from matching.

`make_register`: members of the public with address and date of birth, typed at counters and from half-filled forms.
`make_archive`: persons out of old books, told on the telephone and read by scanners, ten records of some.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from benchmarks.duplicates.errors import garble, misdate, mishear, misread, mistype, scramble
from benchmarks.duplicates.names import SHORT_FORMS, TITLES, draw_first, draw_last
from benchmarks.duplicates.people import to_ascii

STREETS: Final = ("Mill", "Church", "Station", "High", "Victoria", "Park", "Queen", "River", "Oak", "Chapel", "Harbour")
WAYS: Final = ("Street", "Road", "Lane", "Close", "Place", "Avenue", "Crescent")
HONOURS: Final = ("Sir", "Rev.", "Capt.", "Dr.", "Lady")
CALLINGS: Final = ("Clerk", "Painter", "Politician", "Farmer", "Actor", "Cricketer", "Writer", "Engineer", "Priest")
REGISTER_KEYS: Final = frozenset({"birth_date", "city", "postcode", "address"})
ARCHIVE_KEYS: Final = frozenset({"birth_date", "city", "postcode", "occupation"})
SURNAME_CULTURES: Final = ("english", "english", "english", "nordic", "german")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record; `entity` is the label. Everything beside name, address and number is a custom field."""

    id: UUID
    entity: int
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    custom_data: dict[str, Any]

    def with_only(self, keys: frozenset[str]) -> "Entry":
        """Return the record with these custom fields alone."""
        return replace(self, custom_data={key: value for key, value in self.custom_data.items() if key in keys})

    def to_row(self) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(("company_id", "company_name", "company_domain", "job_title"))
        return row | {
            "id": self.id, "version": 1, "first_name": self.first_name, "last_name": self.last_name,
            "email": self.email, "phone": self.phone, "phone_e164": self.phone, "custom_data": self.custom_data,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Ways:
    """How often a record is there again (`copies`: weights of 0, 1, 2, … more), and what goes wrong in it."""

    copies: tuple[int, ...]
    slips: tuple[Callable[[str, random.Random], str], ...]
    most_slips: int
    missing: float


REGISTER: Final = _Ways((30, 20, 15, 12, 10, 8, 5), (mistype, mistype, garble, scramble), 4, 0.13)
ARCHIVE: Final = _Ways((15, 10, 10, 10, 10, 10, 8, 8, 8, 6, 5), (mishear, misread, misread, garble), 3, 0.07)


def make_register(people: int, seed: int) -> list[Entry]:
    return _make(people, seed, REGISTER, _make_member)


def make_archive(people: int, seed: int) -> list[Entry]:
    return _make(people, seed, ARCHIVE, _make_figure)


def _make(people: int, seed: int, ways: _Ways, make: Callable[..., Entry]) -> list[Entry]:
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    towns = [
        draw_last(chance, "english") + chance.choice(("ton", "ham", "", " Bay", "field")) for _ in range(people // 8)
    ]
    entries: list[Entry] = []
    first: Entry | None = None
    for entity in range(people):
        household = first if first is not None and chance.random() < 0.12 else None
        first = make(entity, towns, household, chance)
        entries.append(_blank(first, ways.missing / 2, chance))
        again = chance.choices(range(len(ways.copies)), ways.copies)[0]
        entries += [_enter_again(first, ways, chance) for _ in range(again)]
    taken: set[str] = set()
    chance.shuffle(entries)
    return [_claim(entry, taken) for entry in entries]


def _claim(entry: Entry, taken: set[str]) -> Entry:
    """Leave an address to the first that has it."""
    if entry.email is None:
        return entry
    if entry.email in taken:
        return replace(entry, email=None)
    taken.add(entry.email)
    return entry


def _new_id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def _draw_town(towns: list[str], chance: random.Random) -> str:
    return towns[int(len(towns) * chance.random() ** 2.5)]


def _make_member(entity: int, towns: list[str], household: Entry | None, chance: random.Random) -> Entry:
    first, last = draw_first(chance, "english"), draw_last(chance, chance.choice(SURNAME_CULTURES))
    born = date(1925, 1, 1) + timedelta(days=chance.randrange(85 * 365))
    town = _draw_town(towns, chance)
    custom = {
        "birth_date": born.isoformat(),
        "city": town,
        "postcode": f"{2000 + sum(map(ord, town)) * 7 % 6000}",
        "address": f"{chance.randrange(1, 250)} {chance.choice(STREETS)} {chance.choice(WAYS)}",
    }
    phone = f"+612{chance.randrange(10**7, 10**8)}" if chance.random() < 0.35 else None
    if household is not None:  # a spouse, a child, a twin
        last = household.last_name or last
        first = draw_first(chance, "english") if first == household.first_name else first  # few are called as they are
        phone = household.phone
        custom |= {key: household.custom_data[key] for key in ("city", "postcode", "address")}
        if chance.random() < 0.05:
            custom["birth_date"] = household.custom_data["birth_date"]
    host = chance.choice(("gmail.com", "yahoo.com", f"{to_ascii(draw_last(chance, 'english'))}.example"))
    local = chance.choice((f"{to_ascii(first)}{chance.randrange(10, 99)}", f"{to_ascii(first)}.{to_ascii(last)}"))
    email = f"{local}@{host}" if chance.random() < 0.4 else None
    return Entry(_new_id(chance), entity, first, last, email, phone, custom)


def _make_figure(entity: int, towns: list[str], household: Entry | None, chance: random.Random) -> Entry:
    first, last = draw_first(chance, "english"), draw_last(chance, chance.choice(SURNAME_CULTURES))
    if chance.random() < 0.3:
        first = f"{first} {draw_first(chance, 'english')}"
    if household is not None:
        last = household.last_name or last
    town = household.custom_data["city"] if household is not None else _draw_town(towns, chance)
    custom = {
        "birth_date": (date(1901, 1, 1) + timedelta(days=chance.randrange(60 * 365))).isoformat(),
        "city": town,
        "postcode": f"{town[:2].upper()}{chance.randrange(1, 30)} {chance.randrange(1, 9)}{chance.choice('ABDEFGH')}Q",
        "occupation": chance.choice(CALLINGS if chance.random() < 0.7 else TITLES),
    }
    return Entry(_new_id(chance), entity, first, last, None, None, custom)


def _enter_again(original: Entry, ways: _Ways, chance: random.Random) -> Entry:
    """Enter the person once more: some slips, one or two of them in one field, and names otherwise than before."""
    entry = _rename(replace(original, id=_new_id(chance), custom_data=dict(original.custom_data)), chance)
    for _ in range(chance.randrange(ways.most_slips + 1)):
        entry = _slip(entry, ways, chance)
    return _blank(entry, ways.missing, chance)


def _rename(entry: Entry, chance: random.Random) -> Entry:
    first, last = entry.first_name or "", entry.last_name or ""
    ways: tuple[tuple[float, str, str], ...] = (
        (0.78, first, last),
        (0.07, chance.choice(SHORT_FORMS.get(first.split()[0], [first])), last),
        (0.04, last, first),
        (0.04, first.split()[0], last),
        (0.03, f"{chance.choice(HONOURS)} {first}", last),
        (0.02, first, draw_last(chance, "english")),  # by marriage, or the wrong line of the form
        (0.02, first, f"{last} {draw_last(chance, 'english')}"),
    )
    _, first_name, last_name = chance.choices(ways, [weight for weight, _, _ in ways])[0]
    return replace(entry, first_name=first_name, last_name=last_name)


def _slip(entry: Entry, kinds: _Ways, chance: random.Random) -> Entry:
    slip = chance.choice(kinds.slips)
    field = chance.choice(("first_name", "last_name", "email", "phone", *entry.custom_data))
    if field == "birth_date":
        wrong = misdate(entry.custom_data[field], chance)
        return _set_custom(entry, field, wrong) if wrong else entry
    if field in entry.custom_data:
        return _set_custom(entry, field, slip(entry.custom_data[field], chance))
    value = getattr(entry, field)
    if not value:
        return entry
    if field == "phone":
        at = chance.randrange(5, len(value))
        return replace(entry, phone=value[:at] + chance.choice("0123456789") + value[at + 1 :])
    if field == "email":
        local, _, host = value.partition("@")
        ways = (f"{slip(local, chance)}@{host}", f"{local}@{slip(host, chance)}")
        return replace(entry, email=chance.choice(ways).lower())
    return _set_name(entry, field, slip(value, chance))


def _set_name(entry: Entry, field: str, value: str | None) -> Entry:
    return replace(entry, first_name=value) if field == "first_name" else replace(entry, last_name=value)


def _set_custom(entry: Entry, field: str, value: str) -> Entry:
    return replace(entry, custom_data=entry.custom_data | {field: value})


def _blank(entry: Entry, share: float, chance: random.Random) -> Entry:
    """Leave fields empty; a record keeps a part of the name."""
    kept = {key: value for key, value in entry.custom_data.items() if chance.random() >= share}
    entry = replace(
        entry,
        email=entry.email if chance.random() >= share else None,
        phone=entry.phone if chance.random() >= share else None,
        custom_data=kept,
    )
    if chance.random() < share:
        return _set_name(entry, chance.choice(("first_name", "last_name")), None)
    return entry
