"""Closed deals told at random, and what reports must say of them, counted again without any SQL."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_reporting.consumers import keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]

SOURCES: Final = ("INBOUND", "OUTBOUND", "REFERRAL", None)
REASONS: Final = ("Price", "price", "Timing", None)
DIGITS: Final = {"EUR": 2, "USD": 2, "JPY": 0, "GBP": 2}
RATES: Final[Mapping[str, Mapping[date, str]]] = {
    "USD": {date(2025, 1, 1): "0.9", date(2026, 3, 29): "0.87654321", date(2026, 8, 1): "0.95"},
    "JPY": {date(2025, 1, 1): "0.0061", date(2026, 6, 15): "0.0067"},
    "GBP": {date(2026, 5, 1): "1.17"},  # none before
}
OUTCOMES: Final = ("Closed Won", "Closed Won", "Closed Lost", "Closed Lost", "reopened", "deleted", "open", "elsewhere")
MONTH_ENDS: Final = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 11)]


@dataclass
class Contact:
    id: UUID
    source: str | None
    shared_with: list[UUID] = field(default_factory=list)


@dataclass
class ClosedDeals:
    """What was told: deals with their contacts, all of one tenant."""

    stories: list[DealStory]
    contacts: dict[UUID, Contact]


def publish_closed(
    pipeline: PublishedPipeline,
    owner_id: UUID,
    closed_at: datetime,
    amount: str | None = "100.00",
    *,
    to: str = "Closed Won",
    cycle: timedelta = timedelta(days=10),
    **fields: Any,
) -> DealStory:
    """Tell of a deal that closed at this moment, and of why and who had it from its second minute on, if `fields` say.

    It then takes longer than a minute.
    """
    reason, handed_to = fields.pop("lost_reason", None), fields.pop("handed_to", None)
    story = DealStory(pipeline, owner_id, None if amount is None else Decimal(amount), at=closed_at - cycle, **fields)
    story.create()
    if handed_to is not None:
        story.edit(owner_id=handed_to)
    story.move(to, at=closed_at)
    if reason is not None:
        story.edit(lost_reason=reason)
    return story


async def project(reporting: Reporting, *stories: DealStory) -> None:
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def set_rates(reporting: Reporting, tenant: SeededTenant, rates: Mapping[str, Mapping[date, str]]) -> None:
    client = reporting.client(tenant.admin)
    for currency, dated in rates.items():
        for day, rate in dated.items():
            body = {"currency": currency, "effective_on": day.isoformat(), "rate": rate}
            require_ok(await client.put("/v1/exchange-rates", json=body))


async def publish_at_random(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, *, seed: int, count: int
) -> ClosedDeals:
    """Tell of `count` deals in several currencies, some of shared contacts, and of the rates."""
    chance = random.Random(seed)  # noqa: S311 - repeats what failed
    people = [person.id for person in tenant.people]
    contacts = [
        Contact(new_id(), chance.choice(SOURCES), chance.sample(people, chance.choice((0, 0, 1, 2)))) for _ in range(12)
    ]
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    stories = []
    for _ in range(count):
        contact_id = chance.choice([*(contact.id for contact in contacts), None, new_id()])
        stories.append(_publish_one(pipeline, other, chance, people=people, contact_id=contact_id))
    await keep_shares([_to_event(tenant, contact) for contact in contacts], reporting.database)
    await project(reporting, *stories)
    await set_rates(reporting, tenant, RATES)
    return ClosedDeals([story for story in stories if story.pipeline is pipeline], {c.id: c for c in contacts})


def _publish_one(
    pipeline: PublishedPipeline,
    other: PublishedPipeline,
    chance: random.Random,
    *,
    people: Sequence[UUID],
    contact_id: UUID | None,
) -> DealStory:
    outcome = chance.choice(OUTCOMES)
    near = timedelta(minutes=chance.randrange(-26 * 60, 26 * 60))
    anywhen = timedelta(minutes=chance.randrange(300 * 24 * 60))
    closed_at = chance.choice(MONTH_ENDS) + near if chance.random() < 0.5 else MONTH_ENDS[0] + anywhen
    to = outcome if outcome.startswith("Closed") else chance.choice(("Closed Won", "Closed Lost"))
    story = publish_closed(
        other if outcome == "elsewhere" else pipeline,
        chance.choice(people),
        closed_at,
        chance.choice((None, "0", f"{chance.randrange(1, 10**7)}.{chance.randrange(100):02}")),
        to="Proposal" if outcome == "open" else to,
        cycle=timedelta(seconds=chance.randrange(120, 200 * 86_400)),
        currency=chance.choice(list(DIGITS)),
        contact_id=contact_id,
        handed_to=chance.choice((*people, None, None, None, None)),
        lost_reason=chance.choice(REASONS) if outcome == "Closed Lost" else None,
    )
    if outcome == "reopened":
        story.move("Negotiation")
        if chance.random() < 0.5:
            story.move("Closed Won", at=closed_at + timedelta(days=chance.randrange(1, 40)))
    elif outcome == "deleted":
        story.delete()
        if chance.random() < 0.3:
            story.restore()
    elif chance.random() < 0.2:
        story.edit(amount=Decimal("12345.67"), owner_id=chance.choice(people))
    return story


def _to_event(tenant: SeededTenant, contact: Contact) -> Any:
    shares = [{"user_id": user_id, "permission": "READ"} for user_id in contact.shared_with]
    return make_contact_event(tenant.id, tenant.admin.id, contact_id=contact.id, source=contact.source, shares=shares)


@dataclass(frozen=True)
class Asked:
    """What a report is asked for: days, zone, currency."""

    first: date
    last: date
    zone: str
    currency: str

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "time_zone": self.zone,
            "currency": self.currency,
        }

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(ZoneInfo(self.zone)).date()


def list_sights(tenant: SeededTenant) -> dict[UUID, list[UUID]]:
    """Return whose deals each person sees as theirs to see."""
    everybody = [person.id for person in tenant.people]
    return {
        tenant.admin.id: everybody,
        tenant.manager.id: [tenant.manager.id, tenant.rep.id],
        tenant.rep.id: [tenant.rep.id],
        tenant.other_rep.id: [tenant.other_rep.id],
    }


def is_seen(published: ClosedDeals, story: DealStory, owners: Iterable[UUID], viewer_id: UUID) -> bool:
    """Return whether a deal is one of these owners' today, or of a contact that is shared with the viewer."""
    contact = published.contacts.get(story.contact_id) if story.contact_id else None
    return story.state["owner_id"] in owners or (contact is not None and viewer_id in contact.shared_with)


def list_closed(published: ClosedDeals, asked: Asked, owner_ids: Iterable[UUID], viewer_id: UUID) -> list[DealStory]:
    """Return the deals that closed in the window, of those that are seen."""
    owners = set(owner_ids)
    return [
        story
        for story in published.stories
        if story.state["status"] != "OPEN"
        and not story.is_deleted
        and asked.first <= asked.day_of(story.state["closed_at"]) <= asked.last
        and is_seen(published, story, owners, viewer_id)
    ]


def convert(story: DealStory, asked: Asked) -> Fraction | None:
    """Convert a deal's amount by the rates of its closing day; None without a rate."""
    amount = story.state["amount"]
    if not amount:
        return Fraction(0)
    if story.state["currency"] == asked.currency:
        return Fraction(amount)
    day = asked.day_of(story.state["closed_at"])
    source, target = _find_rate(story.state["currency"], day), _find_rate(asked.currency, day)
    return None if source is None or target is None else Fraction(amount) * source / target


def _find_rate(currency: str, day: date) -> Fraction | None:
    if currency == "EUR":
        return Fraction(1)
    days = [known for known in RATES[currency] if known <= day]
    return Fraction(RATES[currency][max(days)]) if days else None


def round_money(amount: Fraction, currency: str) -> str:
    digits = DIGITS[currency]
    return str(Decimal(round(amount * 10**digits)).scaleb(-digits))


def group_by(stories: Sequence[DealStory], key: Callable[[DealStory], Any]) -> dict[Any, list[DealStory]]:
    groups: dict[Any, list[DealStory]] = {}
    for story in stories:
        groups.setdefault(key(story), []).append(story)
    return groups


def describe(stories: Sequence[DealStory], asked: Asked) -> dict[str, Any]:
    """Return a row of the win rate, but for the group's name."""
    won = [story for story in stories if story.state["status"] == "WON"]
    amounts = [amount for story in won if (amount := convert(story, asked)) is not None]
    cycles = [(story.state["closed_at"] - story.state["created_at"]) / timedelta(days=1) for story in won]
    return {
        "won": len(won),
        "lost": len(stories) - len(won),
        "rate": float(round(Fraction(len(won), len(stories)), 4)),
        "average_won": round_money(sum(amounts, Fraction()) / len(amounts), asked.currency) if amounts else None,
        "median_cycle_days": round(median(cycles), 4) if cycles else None,
    }


def list_missing(stories: Iterable[DealStory], asked: Asked) -> set[str]:
    """Name the currencies without a rate among what was won."""
    missing = set()
    for story in stories:
        if story.state["status"] == "WON" and convert(story, asked) is None:
            day = asked.day_of(story.state["closed_at"])
            pair = (story.state["currency"], asked.currency)
            missing |= {currency for currency in pair if _find_rate(currency, day) is None}
    return missing
