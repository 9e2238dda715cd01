"""People who exist once: at employers of every size, with relatives, twins and namesakes among them."""

import random
from dataclasses import dataclass, replace
from typing import Final

from anyascii import anyascii

from benchmarks.duplicates.names import FREE_MAIL, RARE_SURNAMES, TITLES, TWINS, draw_culture, draw_first, draw_last

RELATIVES: Final = 0.03
TWINS_OF: Final = 0.15
FATHER_AND_SON: Final = 0.06
NAMESAKES: Final = 0.02
NAMESAKES_HERE: Final = 0.05
SWITCHBOARD: Final = 0.35

_RARE: Final = frozenset(RARE_SURNAMES)


@dataclass(frozen=True, slots=True)
class Employer:
    number: int
    name: str
    domain: str
    switchboard: str
    address_form: str


@dataclass(frozen=True, slots=True)
class Person:
    """`family` and `namesakes` name the group of those who are easily taken for one another; None mostly."""

    number: int
    first: str
    last: str
    employer: Employer | None
    email: str
    private_email: str
    phone: str
    mobile: str
    title: str
    member_number: str
    family: int | None = None


def to_ascii(name: str) -> str:
    """Return what people make of a name in an address."""
    return "".join(c for c in anyascii(name).lower() if c.isalnum())


def make_people(count: int, chance: random.Random) -> list[Person]:
    """Return `count` different people, relatives and namesakes included."""
    people: list[Person] = []
    employers = _make_employers(max(count // 9, 3), chance)
    taken: set[str] = set()
    while len(people) < count:
        culture = draw_culture(chance)
        person = _make_person(
            len(people), draw_first(chance, culture), draw_last(chance, culture), employers, chance, taken
        )
        people.append(person)
        if chance.random() < RELATIVES:
            people.append(_make_relative(person, len(people), culture, employers, chance, taken))
        elif chance.random() < NAMESAKES and person.last not in _RARE:
            people.append(_make_namesake(person, len(people), employers, chance, taken))
    return people[:count]


def _make_employers(count: int, chance: random.Random) -> list[Employer]:
    """Employers of which the first is the largest: a list's nth is drawn 1/n as often, see `_draw_employer`."""
    kinds = (
        "GmbH",
        "Inc",
        "Ltd",
        "AG",
        "SA",
        "BV",
        "LLC",
        "Group",
        "Partners",
        "Systems",
        "Logistics",
        "Foods",
        "Werke",
        "Media",
    )
    forms = ("{f}.{l}", "{f}{l}", "{i}{l}", "{i}.{l}", "{f}", "{l}", "{l}.{f}", "{f}.{l}", "{f}.{l}")
    employers = []
    for number in range(count):
        name = f"{chance.choice(RARE_SURNAMES)} {chance.choice(kinds)}"
        domain = f"{to_ascii(name)}{number}.{chance.choice(('example', 'test', 'example'))}"
        employers.append(Employer(number, name, domain, _make_phone(chance), chance.choice(forms)))
    return employers


def _make_phone(chance: random.Random) -> str:
    prefix = chance.choice(
        ("+1415", "+1212", "+4930", "+4989", "+4420", "+331", "+3491", "+4670", "+4915", "+447", "+336", "+91")
    )
    return prefix + "".join(chance.choice("0123456789") for _ in range(12 - len(prefix)))


def _draw_employer(employers: list[Employer], chance: random.Random) -> Employer | None:
    if chance.random() < 0.2:
        return None
    return employers[int(len(employers) * chance.random() ** 2)]


def _claim(address: str, domain: str, taken: set[str]) -> str:
    """Return the first of ann@, ann2@, ann3@ that nobody has."""
    number, email = 1, f"{address}@{domain}"
    while email in taken:
        number += 1
        email = f"{address}{number}@{domain}"
    taken.add(email)
    return email


def address_of(first: str, last: str, form: str) -> str:
    first, last = to_ascii(first), to_ascii(last)
    return form.format(f=first, l=last, i=first[:1])


def private_address(first: str, last: str, chance: random.Random) -> str:
    form = chance.choice(("{f}.{l}", "{f}{l}", "{i}{l}", "{f}_{l}", "nick", "nick", "number"))
    if form == "nick":
        return chance.choice(("sun", "blue", "rocket", "tiger", "maker", "lucky", "north", "zen")) + to_ascii(
            chance.choice(RARE_SURNAMES)
        )
    if form == "number":
        return f"{to_ascii(first)}{chance.randrange(60, 2010)}"
    return address_of(first, last, form)


def _make_person(
    number: int, first: str, last: str, employers: list[Employer], chance: random.Random, taken: set[str]
) -> Person:
    employer = _draw_employer(employers, chance)
    private = _claim(private_address(first, last, chance), chance.choice(FREE_MAIL), taken)
    email = _claim(address_of(first, last, employer.address_form), employer.domain, taken) if employer else private
    phone = employer.switchboard if employer and chance.random() < SWITCHBOARD else _make_phone(chance)
    member_number = f"M{chance.randrange(10**8):08d}"
    return Person(
        number, first, last, employer, email, private, phone, _make_phone(chance), chance.choice(TITLES), member_number
    )


def _make_relative(
    person: Person, number: int, culture: str, employers: list[Employer], chance: random.Random, taken: set[str]
) -> Person:
    """Make a brother, a wife, a twin, a son who has the father's name: often of one phone and one firm."""
    draw = chance.random()
    first, last = draw_first(chance, culture), person.last
    if draw < TWINS_OF:
        _, first = chance.choice(TWINS)
    elif draw < TWINS_OF + FATHER_AND_SON:
        first = person.first
        last = person.last + chance.choice((" Jr.", "", "", " II"))
    elif first == person.first:
        first = "Kim" if first != "Kim" else "Robin"
    made = _make_person(number, first, last.split(" ")[0] if last != person.last else last, employers, chance, taken)
    if chance.random() < 0.5 and person.employer:  # the family's firm
        email = _claim(address_of(first, person.last, person.employer.address_form), person.employer.domain, taken)
        made = replace(made, employer=person.employer, email=email)
    return replace(made, last=last, phone=person.phone if chance.random() < 0.6 else made.phone, family=person.number)


def _make_namesake(
    person: Person, number: int, employers: list[Employer], chance: random.Random, taken: set[str]
) -> Person:
    """Another of the same name, mostly elsewhere, now and then in the same firm."""
    made = _make_person(number, person.first, person.last, employers, chance, taken)
    if person.employer and chance.random() < NAMESAKES_HERE:
        email = _claim(
            address_of(person.first, person.last, person.employer.address_form), person.employer.domain, taken
        )
        made = replace(made, employer=person.employer, email=email)
    return made
