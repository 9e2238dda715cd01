"""A business at random: its people, pipelines, contacts, rates and quotas, the same again for the same seed.

It lasts three months, in which Berlin and New York lose an hour and Lord Howe gains half of one.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from crm_shared.access import Role
from crm_shared.clock import new_id
from crm_testing.deal_stories import DealStory, PublishedPipeline, PublishedStage
from crm_testing.people import Person, SeededTenant, make_person
from crm_testing.published_records import PublishedRecord

FIRST: Final = datetime(2026, 2, 16, tzinfo=UTC)
LAST: Final = datetime(2026, 5, 18, tzinfo=UTC)
ZONES: Final = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
DIGITS: Final[Mapping[str, int]] = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
SOURCES: Final = ("INBOUND", "OUTBOUND", "REFERRAL", None)

TRIAL: Final = "Trial"
TRIAL_ENDS: Final = datetime(2026, 3, 17, 13, 5, tzinfo=UTC)
REORDERED: Final = datetime(2026, 4, 21, 7, 45, tzinfo=UTC)

MONTHS: Final = [date(2026, month, 1) for month in range(2, 7)]
RATES: Final = {"USD": ("0.9", date(2026, 2, 2)), "JPY": ("0.0061", date(2026, 2, 2)), "KWD": ("3", date(2026, 3, 2))}
"""By currency: about what rate, and from when on it has one."""


@dataclass
class Business:
    """`pipelines` holds the versions of each, the default one first."""

    tenant: SeededTenant
    people: Sequence[Person]
    pipelines: Sequence[Sequence[PublishedPipeline]]
    contacts: Sequence[PublishedRecord]
    rates: Sequence[tuple[str, date, Decimal]]
    quotas: Mapping[tuple[UUID, date], tuple[Decimal, str]]
    stories: list[DealStory] = field(default_factory=list)
    activities: list[PublishedRecord] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    @property
    def viewers(self) -> tuple[Person, ...]:
        return (self.tenant.admin, self.tenant.manager, self.tenant.rep)


def found_business(tenant: SeededTenant, chance: random.Random) -> Business:
    business = Business(
        tenant,
        _list_people(tenant),
        (_list_sales(tenant), _list_renewals(tenant)),
        [],
        list(_list_rates(chance)),
        {},
    )
    business.contacts = [_make_contact(business, chance) for _ in range(200)]
    business.quotas = {
        (person.id, month): (
            Decimal(int(10 ** chance.uniform(0, 7)) if chance.random() < 0.9 else 0),
            chance.choice(list(DIGITS)),
        )
        for person in business.people
        for month in MONTHS
        if chance.random() < 0.6
    }
    business.events = [event for contact in business.contacts for event in _publish_contact(business, contact, chance)]
    return business


def _list_people(tenant: SeededTenant) -> list[Person]:
    other_manager = make_person(tenant.id, "Sol South", Role.MANAGER)
    return [
        *tenant.people,
        make_person(tenant.id, "Nia North", Role.REP, manager=tenant.manager),
        other_manager,
        make_person(tenant.id, "Tim Trail", Role.REP, manager=other_manager),
    ]


def _list_sales(tenant: SeededTenant) -> list[PublishedPipeline]:
    """Return the default pipeline: a stage leaves it, then its probabilities, its order and a name change."""
    usual = PublishedPipeline.sales(tenant.id)
    trial = PublishedStage(new_id(), TRIAL, 35, "OPEN")
    qualification, discovery, proposal, negotiation, won, lost = usual.stages
    first = replace(usual, stages=(qualification, trial, *usual.stages[1:]), at=FIRST + timedelta(days=9))
    second = first.republished(
        stages=(qualification, replace(discovery, win_probability=31), *usual.stages[2:]), at=TRIAL_ENDS
    )
    third = second.republished(
        stages=(
            replace(qualification, name="Qualified"),
            replace(discovery, win_probability=31),
            replace(negotiation, win_probability=66),
            replace(proposal, win_probability=70),
            won,
            lost,
        ),
        at=REORDERED,
    )
    return [first, second, third]


def _list_renewals(tenant: SeededTenant) -> list[PublishedPipeline]:
    usual = PublishedPipeline.sales(tenant.id, is_default=False)
    first = replace(usual, name="Renewals", at=FIRST)
    proposal = replace(usual.stage("Proposal"), win_probability=45)
    return [first, first.republished(stages=(*first.stages[:2], proposal, *first.stages[3:]), at=REORDERED)]


def _list_rates(chance: random.Random) -> list[tuple[str, date, Decimal]]:
    """Return each currency another rate every week; one has none at first."""
    rates = []
    for currency, (about, since) in RATES.items():
        for week in range(20):
            day = since + timedelta(weeks=week)
            if day < LAST.date():
                rates.append((currency, day, Decimal(about) * chance.randrange(9_000, 11_000) / 10_000))
    return rates


def _make_contact(business: Business, chance: random.Random) -> PublishedRecord:
    return PublishedRecord.new(
        "contact",
        business.tenant.id,
        owner_id=chance.choice(business.people).id,
        first_name="Zoë",
        last_name="Okonkwo",
        source=chance.choice(SOURCES),
    )


def _publish_contact(business: Business, contact: PublishedRecord, chance: random.Random) -> list[Any]:
    """Tell of a contact that is shared, shared with others, and of another source in the end."""
    events = [contact.publish()]
    for _ in range(chance.choice((0, 1, 2))):
        shared_with = chance.sample(business.people, chance.choice((0, 0, 1, 2)))
        contact.change(shares=[{"user_id": person.id, "permission": "READ"} for person in shared_with])
        events.append(contact.publish("shared" if shared_with else "unshared"))
    if chance.random() < 0.3:
        owner = chance.choice(business.people)
        events.append(contact.change(source=chance.choice(SOURCES), owner_id=owner.id))
    return events
