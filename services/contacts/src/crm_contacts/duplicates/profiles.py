"""A contact as matching sees it: normalised values that can be compared. Nothing of it is stored but hashes."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from crm_contacts.duplicates.caches import CACHED
from crm_contacts.duplicates.identifying import identifying_digits, is_filler
from crm_contacts.duplicates.names import LEGAL_FORMS, Name, fold, to_name
from crm_contacts.duplicates.weights import WEIGHTS

AT_ONCE: Final = 50
"""So many contacts are read, or pairs scored, before others get the event loop: some ten milliseconds."""

LAST_DIGITS: Final = 8
"""As many as tell two numbers apart whatever their country code and trunk prefix."""

_NAMED_LOCAL: Final = re.compile(r"\A([a-z]{2,})[._-]([a-z]{2,})\d*")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as its server reads it: without `+tag`; gmail's without dots."""

    local: str
    domain: str
    is_free: bool
    tag: str = field(default="", repr=False)  # not in the fingerprint as such: see there

    @property
    def letters(self) -> str:
        return "".join(character for character in self.local if character.isalpha())


@dataclass(frozen=True, slots=True)
class Profile:
    """`version` is the contact's; `employers` hold the company and its domain.

    `phone`: the digits of its E.164 form, none where that form is missing or identifies nobody. `custom` holds the
    values of fields that are used for matching, by field key.
    """

    contact_id: UUID
    version: int
    name: Name
    mailbox: Mailbox | None
    phone: str
    company_id: UUID | None
    employers: frozenset[str]
    title: str
    custom: Mapping[str, str]

    @property
    def fingerprint(self) -> bytes:
        """What changes exactly when something changes that matching looks at."""
        parts: tuple[object, ...] = (
            self.name, self.mailbox, self.phone, self.company_id, sorted(self.employers), self.title,
            sorted(self.custom.items()),
        )  # fmt: skip
        if (
            self.mailbox is not None and self.mailbox.tag
        ):  # apart: who has none keeps the fingerprint of earlier releases
            parts = (*parts, self.mailbox.tag)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).digest()


def to_profile(row: Mapping[str, Any], custom_keys: frozenset[str] = frozenset()) -> Profile:
    """Read a contact's row with `company_name` and `company_domain` beside it."""
    mailbox = to_mailbox(row["email"])
    name = to_name(row["first_name"], row["last_name"])
    if not name.first and not name.last and mailbox is not None:
        name = name_in(mailbox)
    return Profile(
        contact_id=row["id"],
        version=row["version"],
        name=name,
        mailbox=mailbox if mailbox is None or mailbox.letters not in WEIGHTS.role_mailboxes else None,
        phone=identifying_digits(row["phone_e164"]),
        company_id=row["company_id"],
        employers=_list_employers(row, mailbox),
        title=fold(row["job_title"] or ""),
        custom={key: text for key in custom_keys if not is_filler(text := fold(_to_text(row["custom_data"].get(key))))},
    )


@lru_cache(maxsize=CACHED)
def to_mailbox(email: str | None) -> Mailbox | None:
    if not email:
        return None
    whole, _, domain = email.lower().rpartition("@")
    local, _, tag = whole.partition("+")
    if not local:
        local, tag = whole, ""
    if domain in {"gmail.com", "googlemail.com"}:
        local, domain = local.replace(".", ""), "gmail.com"
    return Mailbox(local, domain, domain in WEIGHTS.free_mail_domains, tag)


def name_in(mailbox: Mailbox) -> Name:
    """Read `zoe.okonkwo@…` as a name, for a contact that has no other."""
    found = _NAMED_LOCAL.fullmatch(mailbox.local)
    return Name(found[1], "", found[2]) if found else Name("", "", "")


def _list_employers(row: Mapping[str, Any], mailbox: Mailbox | None) -> frozenset[str]:
    found = set()
    if row["company_domain"]:
        found.add("@" + row["company_domain"].lower())
    if mailbox is not None and not mailbox.is_free:
        found.add("@" + mailbox.domain)
    words = [word for word in fold(row["company_name"] or "").split() if word not in LEGAL_FORMS]
    if words:
        found.add(" ".join(words))
    return frozenset(found)


def _to_text(value: object) -> str:
    if isinstance(value, list):
        return " ".join(sorted(str(part) for part in value))
    return "" if value is None else str(value)
