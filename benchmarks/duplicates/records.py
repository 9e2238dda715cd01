"""Contacts as a CRM comes to hold them: each person once, some again by other hands. Labelled by who they are."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from benchmarks.duplicates.names import FREE_MAIL, KEYBOARD, SHORT_FORMS, TITLES
from benchmarks.duplicates.people import (
    Employer,
    Person,
    address_of,
    make_people,
    private_address,
    to_ascii,
)

DUPLICATED: Final = 0.2
"""Share of people who are there twice; a tenth of them three times."""


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact's fields, and `person`: the label, which matching never sees."""

    id: UUID
    person: Person
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    employer: Employer | None
    job_title: str | None
    custom_data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def entity(self) -> int:
        return self.person.number

    def to_row(self) -> dict[str, Any]:
        """Return what matching reads of the contact's row and its company's."""
        employer = self.employer
        return {
            "id": self.id, "version": 1, "first_name": self.first_name, "last_name": self.last_name,
            "email": self.email, "phone": self.phone, "phone_e164": self.phone,
            "job_title": self.job_title, "custom_data": self.custom_data,
            "company_id": UUID(int=employer.number + 1) if employer else None,
            "company_name": employer.name if employer else None,
            "company_domain": employer.domain if employer else None,
        }  # fmt: skip


def make_contacts(people: int, seed: int) -> list[Contact]:
    """Return the contacts of `people` people in an order that says nothing. The same seed gives the same."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    contacts: list[Contact] = []
    taken: set[str] = set()
    everybody = make_people(people, chance)
    employers = [person.employer for person in everybody if person.employer]
    for person in everybody:
        first = _enter(person, chance, taken)
        contacts.append(first)
        if chance.random() < DUPLICATED:
            for _ in range(1 if chance.random() < 0.9 else 2):
                # Most know what the first knew, as from one business card; the others something of their own.
                known = replace(first, id=_new_id(chance)) if chance.random() < 0.6 else _enter(person, chance, set())
                contacts.append(_enter_again(known, employers, chance, taken))
    chance.shuffle(contacts)
    return contacts


def _new_id(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


def _enter(person: Person, chance: random.Random, taken: set[str]) -> Contact:
    """Make a record of what one happens to know of somebody."""
    contact = Contact(
        _new_id(chance),
        person,
        person.first,
        person.last,
        person.email if chance.random() < 0.85 and person.email not in taken else None,
        person.phone if chance.random() < 0.5 else person.mobile if chance.random() < 0.5 else None,
        person.employer if chance.random() < 0.85 else None,
        person.title if chance.random() < 0.6 else None,
        {"member_number": person.member_number} if chance.random() < 0.1 else {},
    )
    if contact.email:
        taken.add(contact.email)
    return contact


def _enter_again(contact: Contact, employers: list[Employer], chance: random.Random, taken: set[str]) -> Contact:
    """Make what another hand enters: other names, addresses, numbers, with slips. No two contacts have one address."""
    contact = _rename(contact, chance)
    contact = _move(contact, employers, chance) if chance.random() < 0.1 else contact
    contact = replace(
        contact,
        email=_readdress(contact, chance),
        phone=_redial(contact, chance),
        job_title=_retitle(contact.job_title, chance),
    )
    if contact.email in taken:
        contact = replace(contact, email=None)
    if contact.email:
        taken.add(contact.email)
    elif not contact.phone and chance.random() < 0.8:  # who is entered without any address, one mostly has a number of
        contact = replace(contact, phone=contact.person.phone)
    return contact


def slip(text: str, chance: random.Random) -> str:
    """Strike a neighbouring key, leave one out, strike it twice, or two in the wrong order."""
    if len(text) < 4:
        return text
    at = chance.randrange(1, len(text) - 1)
    kind = chance.choice(("other", "gone", "twice", "turned"))
    if kind == "other":
        return text[:at] + chance.choice(KEYBOARD.get(text[at].lower(), text[at])) + text[at + 1 :]
    if kind == "gone":
        return text[:at] + text[at + 1 :]
    if kind == "twice":
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _plain(text: str) -> str:
    return to_ascii(text).capitalize() if all(ord(character) < 0x250 for character in text) else text


def _rename(contact: Contact, chance: random.Random) -> Contact:
    first, last = contact.first_name or "", contact.last_name or ""
    changes: list[tuple[float, Callable[[], tuple[str | None, str | None]]]] = [
        (0.54, lambda: (first, last)),
        (0.12, lambda: (chance.choice(SHORT_FORMS.get(first, [first])), last)),
        (0.06, lambda: (slip(first, chance), last)),
        (0.07, lambda: (first, slip(last, chance))),
        (0.05, lambda: (last, first)),
        (0.04, lambda: (first[0] + ".", last)),
        (0.04, lambda: (_plain(first), _plain(last))),
        (0.02, lambda: (None, f"{last}, {first}")),
        (0.02, lambda: (f"{first} {last}", None)),
        (0.02, lambda: (f"{first} {chance.choice('ABCDEFGHJKLM')}.", last)),
        (0.01, lambda: (f"Dr. {first}", last)),
        (0.01, lambda: (first, f"{last}-{chance.choice(('Weber', 'Jones', 'Ruiz', 'Lindqvist'))}")),
    ]
    _, change = chance.choices(changes, weights=[weight for weight, _ in changes])[0]
    first_name, last_name = change()
    return replace(contact, first_name=first_name, last_name=last_name)


def _move(contact: Contact, employers: list[Employer], chance: random.Random) -> Contact:
    """Let the person change jobs between the two entries: address, office number and title go with the old one."""
    employer, person = chance.choice(employers), contact.person
    email = f"{address_of(person.first, person.last, employer.address_form)}@{employer.domain}"
    return replace(contact, employer=employer, email=email, phone=person.mobile, job_title=chance.choice(TITLES))


def _readdress(contact: Contact, chance: random.Random) -> str | None:
    person = contact.person
    if contact.email is None:
        return None
    local, _, domain = contact.email.partition("@")
    first, last = person.first, person.last
    form = chance.choice(("{f}.{l}", "{f}{l}", "{i}{l}", "{i}.{l}", "{f}_{l}", "{l}.{f}"))
    ways: list[tuple[float, str | None]] = [
        (0.3, None),
        (0.2, person.private_email),
        (0.18, f"{address_of(first, last, form)}@{domain}"),
        (0.1, f"{slip(local, chance)}@{domain}"),
        (0.06, f"{local}@{slip(domain.partition('.')[0], chance)}.{domain.partition('.')[2]}"),
        (0.04, f"{local}+crm@{domain}"),
        (0.06, f"{private_address(first, last, chance)}@{chance.choice(FREE_MAIL)}"),
        (0.06, contact.email),
    ]
    return chance.choices([email for _, email in ways], weights=[weight for weight, _ in ways])[0]


def _redial(contact: Contact, chance: random.Random) -> str | None:
    draw, number = chance.random(), contact.phone
    if number is None:
        return contact.person.phone if draw < 0.3 else None
    if draw < 0.66:
        return number
    if draw < 0.8:
        return None
    if draw < 0.94:
        return contact.person.mobile if number == contact.person.phone else contact.person.phone
    at = chance.randrange(4, len(number) - 1)
    return number[:at] + chance.choice("0123456789") + number[at + 1 :]


def _retitle(title: str | None, chance: random.Random) -> str | None:
    draw = chance.random()
    if title is None or draw < 0.25:
        return None
    if draw < 0.4:
        return f"Senior {title}"
    return chance.choice(TITLES) if draw < 0.5 else title
