"""An office's records, made of words by a seed: the same records each time, under whatever tenant they are told."""

import random
import tomllib
import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.duplicates.names import RARE_SURNAMES, SHORT_FORMS, draw_culture, draw_first, draw_last
from crm_testing.published_records import PUBLISHED_AT, PublishedRecord

WORDS: Final[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
TOPICS: Final = tuple(begin + end for begin in WORDS["topic_beginnings"] for end in WORDS["topic_ends"])
PLAIN: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "þ": "th", "ß": "ss"})
AREAS: Final = (("+49", "0", "30"), ("+49", "0", "89"), ("+33", "0", "1"), ("+1", "", "415"), ("+44", "0", "20"))

SHARES: Final = {"company": 0.12, "contact": 0.5, "deal": 0.15}
"""Of all records; the rest are activities."""


def strip_accents(text: str) -> str:
    """Write Latin text as it is typed on a keyboard without accents; the search has its own way to."""
    decomposed = unicodedata.normalize("NFD", text.lower().translate(PLAIN))
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


@dataclass(frozen=True, slots=True)
class Made:
    """A record and what it was made of: its `parts` by name, as queries are made of them too."""

    record: PublishedRecord
    title: str
    parts: dict[str, str] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return str(self.record.id)


class Office:
    """A tenant's records, by type."""

    def __init__(self, tenant_id: UUID, owner_id: UUID, *, records: int, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - a seed repeats it
        self._tenant_id, self._owner_id = tenant_id, owner_id
        self.companies = [self._make_company() for _ in range(int(records * SHARES["company"]))]
        self.contacts = [self._make_contact() for _ in range(int(records * SHARES["contact"]))]
        self.deals = [self._make_deal() for _ in range(int(records * SHARES["deal"]))]
        made = len(self.companies) + len(self.contacts) + len(self.deals)
        self.activities = [self._make_note() for _ in range(records - made)]

    @property
    def all(self) -> list[Made]:
        return [*self.companies, *self.contacts, *self.deals, *self.activities]

    def _publish(self, aggregate: str, **fields: Any) -> PublishedRecord:
        owner = "user_id" if aggregate == "activity" else "owner_id"
        record_id = UUID(int=self._chance.getrandbits(128), version=4)
        changed_at = PUBLISHED_AT - timedelta(minutes=self._chance.randrange(700 * 24 * 60))
        own = {"id": record_id, owner: self._owner_id, "created_at": changed_at, "updated_at": changed_at}
        return PublishedRecord.new(aggregate, self._tenant_id, **own, **fields)

    def _make_company(self) -> Made:
        word = self._chance.choice(RARE_SURNAMES)
        if self._chance.random() < 0.15:
            word = f"{word}-{self._chance.choice(RARE_SURNAMES).lower()}"
        name = f"{word} {self._chance.choice(WORDS['company_kinds'])}"
        domain = f"{strip_accents(name).replace(' ', '-')}.example"
        record = self._publish("company", name=name, domain=domain, industry=self._chance.choice(WORDS["industries"]))
        return Made(record, name, {"word": word, "domain": domain})

    def _make_contact(self) -> Made:
        first, last = self._draw_name()
        company = self._chance.choice(self.companies)
        local = f"{strip_accents(first)}.{strip_accents(last)}".replace(" ", "").replace("'", "")
        # A mailbox has letters of its alphabet; of names in others there is a number.
        local = local if local.isascii() else f"user{self._chance.randrange(10**6)}"
        email = f"{local}@{company.parts['domain']}"
        country, trunk, area = self._chance.choice(AREAS)
        number = (
            str(self._chance.randrange(10**6, 10**7)) if country != "+44" else f"7{self._chance.randrange(10**7):07}"
        )
        parts = {
            "first": first, "last": last, "email": email, "company": company.parts["word"],
            "e164": f"{country}{area}{number}", "national": f"{trunk}{area} {number}", "number": number,
        }  # fmt: skip
        record = self._publish(
            "contact", first_name=first, last_name=last, email=email, phone=parts["national"], phone_e164=parts["e164"],
            company_id=company.record.id,
        )  # fmt: skip
        return Made(record, f"{first} {last}", parts)

    def _draw_name(self) -> tuple[str, str]:
        kind = self._chance.random()
        if kind < 0.04:
            script = self._chance.choice(list(WORDS["scripts"].values()))
            return self._chance.choice(script["givens"]), self._chance.choice(script["families"])
        culture = draw_culture(self._chance)
        first, last = draw_first(self._chance, culture), draw_last(self._chance, culture)
        if kind < 0.12:
            last = f"{self._chance.choice(RARE_SURNAMES)}-{self._chance.choice(RARE_SURNAMES)}"
        elif kind < 0.16:
            last = f"{self._chance.choice(('O', 'D'))}'{self._chance.choice(RARE_SURNAMES)}"
        if first in SHORT_FORMS and self._chance.random() < 0.1:
            first = self._chance.choice(SHORT_FORMS[first])
        return first, last

    def _make_deal(self) -> Made:
        contact = self._chance.choice(self.contacts)
        subject = f"{self._chance.choice(WORDS['deal_subjects'])} {self._chance.choice(TOPICS)}"
        record = self._publish(
            "deal", name=subject, contact_id=contact.record.id, company_id=contact.record.state["company_id"],
            pipeline_id=UUID(int=1), stage_id=UUID(int=2),
        )  # fmt: skip
        return Made(record, subject, {**contact.parts, "subject": subject})

    def _make_note(self) -> Made:
        contact = self._chance.choice(self.contacts)
        topics = self._chance.sample(TOPICS, self._chance.randrange(3, 7))
        words = [*topics, *self._chance.choices(WORDS["note_words"], k=self._chance.randrange(100, 400))]
        self._chance.shuffle(words)
        subject = f"{self._chance.choice(('Call', 'Visit', 'Mail', 'Meeting'))}: {topics[0]}"
        record = self._publish("activity", subject=subject, body=" ".join(words), contact_id=contact.record.id)
        return Made(record, subject, dict(contact.parts), frozenset(topics))
