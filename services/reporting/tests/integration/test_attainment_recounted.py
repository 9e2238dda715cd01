"""Attainment of some hundred deals told at random, against the same counted again without any SQL."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from services.reporting.tests.integration.attainment_stories import read_attainment, set_quota, set_rate

from crm_reporting.consumers import keep_pipelines, keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]

DEALS: Final = 300
DIGITS: Final = {"EUR": 2, "USD": 2, "JPY": 0, "GBP": 2}
RATES: Final[Mapping[str, Mapping[date, str]]] = {
    "USD": {date(2025, 1, 1): "0.9", date(2026, 3, 29): "0.87654321", date(2026, 4, 1): "0.95"},
    "JPY": {date(2025, 1, 1): "0.0061", date(2026, 1, 15): "0.0067"},
    "GBP": {date(2026, 2, 1): "1.17"},  # none before
}
MONTHS: Final = [date(2025, 11, 1), date(2025, 12, 1), *(date(2026, month, 1) for month in range(1, 6))]
BORDERS: Final = [datetime(month.year, month.month, 1, tzinfo=UTC) for month in MONTHS]
ZONES: Final = ("Europe/Berlin", "America/New_York", "Pacific/Auckland", "UTC")
STAGES: Final = ("Closed Won", "Closed Won", "Closed Won", "Closed Lost", "Proposal")


@dataclass
class Life:
    """A deal with its owners: from when on each had it, in the order in which that was said."""

    story: DealStory
    owners: list[tuple[datetime, UUID]]
    shared_with: Sequence[UUID] = ()

    def own(self, owner_id: UUID) -> None:
        self.story.edit(owner_id=owner_id)
        self.owners.append((self.story.at, owner_id))

    def owner_at(self, moment: datetime) -> UUID:
        """Return whom the last word on it names, of what was said of that moment or one before."""
        return [owner_id for at, owner_id in self.owners if at <= moment][-1]


@dataclass
class Office:
    tenant: SeededTenant
    pipeline: PublishedPipeline
    lives: list[Life] = field(default_factory=list)
    quotas: dict[tuple[UUID, date], tuple[str, str]] = field(default_factory=dict)

    def sees(self, viewer: Person) -> set[UUID]:
        tenant = self.tenant
        if viewer is tenant.admin:
            return {person.id for person in tenant.people}
        return {viewer.id, tenant.rep.id} if viewer is tenant.manager else {viewer.id}


@dataclass(frozen=True)
class Asked:
    first: date
    last: date
    zone: str
    currency: str
    owner_ids: Sequence[UUID]
    today: date

    def has_day(self, day: date) -> bool:
        return self.first <= day.replace(day=1) <= self.last

    def has_owner(self, owner_id: UUID) -> bool:
        return not self.owner_ids or owner_id in self.owner_ids


Amounts = Iterator[tuple[UUID, str, Decimal | None, str, date]]
"""Whose, which figure, how much, and the day of its rate."""


def list_amounts(office: Office, viewer: Person, asked: Asked) -> Amounts:
    seen = office.sees(viewer)
    for (user_id, month), (amount, currency) in office.quotas.items():
        if user_id in seen and asked.has_owner(user_id) and asked.has_day(month):
            yield user_id, "quota", Decimal(amount), currency, month
    for life in office.lives:
        deal = life.story.state
        is_seen = deal["owner_id"] in seen or viewer.id in life.shared_with
        if life.story.pipeline is not office.pipeline or life.story.is_deleted or not is_seen:
            continue
        if deal["status"] == "WON":
            closed_on = deal["closed_at"].astimezone(ZoneInfo(asked.zone)).date()
            owner_id = life.owner_at(deal["closed_at"])
            figure, day = ("won", closed_on) if asked.has_day(closed_on) else (None, closed_on)
        elif deal["status"] == "OPEN" and deal["close_date"] is not None:
            owner_id = deal["owner_id"]
            figure, day = ("open", asked.today) if asked.has_day(deal["close_date"]) else (None, asked.today)
        else:
            continue
        if figure is not None and owner_id in seen and asked.has_owner(owner_id):
            yield owner_id, figure, deal["amount"], deal["currency"], day


def find_rate(currency: str, day: date) -> Fraction | None:
    if currency == "EUR":
        return Fraction(1)
    dated = [rate for since, rate in RATES[currency].items() if since <= day]
    return Fraction(dated[-1]) if dated else None


def recount(office: Office, viewer: Person, asked: Asked) -> tuple[dict[str, dict[str, str]], set[str]]:
    """Return each user's money as it must be printed, and the currencies that lack a rate."""
    sums: dict[UUID, dict[str, Fraction]] = {}
    missing = set()
    for user_id, figure, amount, currency, day in list_amounts(office, viewer, asked):
        row = sums.setdefault(user_id, dict.fromkeys(("quota", "won", "open"), Fraction(0)))
        if not amount or currency == asked.currency:
            row[figure] += Fraction(amount or 0)
            continue
        source, target = find_rate(currency, day), find_rate(asked.currency, day)
        missing |= {name for name, rate in ((currency, source), (asked.currency, target)) if rate is None}
        if source is not None and target is not None:
            row[figure] += Fraction(amount) * source / target
    digits = DIGITS[asked.currency]
    printed = {
        str(user_id): {name: f"{Decimal(round(value * 10**digits)).scaleb(-digits):f}" for name, value in row.items()}
        for user_id, row in sums.items()
    }
    return printed, missing


def to_ratios(money: Mapping[str, str]) -> tuple[float | None, float | None]:
    quota, won, opened = (Fraction(money[name]) for name in ("quota", "won", "open"))
    attainment = round(won / quota, 4) if quota else None
    coverage = round(opened / (quota - won), 4) if won < quota else None
    return (
        None if attainment is None else float(attainment),
        None if coverage is None else float(coverage),
    )


def publish_one(office: Office, other: PublishedPipeline, chance: random.Random, people: Sequence[UUID]) -> Life:
    """Tell a deal's life: owners come and go, before and after a closing, which may be told late."""
    near = timedelta(minutes=chance.randrange(-26 * 60, 26 * 60))
    closed_at = chance.choice(BORDERS) + near
    story = DealStory(
        chance.choice((office.pipeline, office.pipeline, office.pipeline, other)),
        chance.choice(people),
        chance.choice((None, Decimal(0), Decimal(chance.randrange(1, 10**9)).scaleb(-2))),
        chance.choice(list(DIGITS)),
        chance.choice((None, (closed_at + timedelta(days=chance.randrange(-40, 40))).date())),
        at=closed_at - timedelta(days=chance.randrange(2, 90)),
        contact_id=new_id(),
    )
    story.create()
    life = Life(story, [(story.at, story.owner_id)])
    if chance.random() < 0.5:
        life.own(chance.choice(people))
    if chance.random() < 0.2:  # somebody has it already when the closing of before is told
        story.at = closed_at + timedelta(hours=chance.randrange(1, 100))
        life.own(chance.choice(people))
    stage = chance.choice(STAGES)
    story.move(stage, at=closed_at)
    if chance.random() < 0.4:
        life.own(chance.choice(people))
    if stage != "Proposal" and chance.random() < 0.2:
        story.move("Negotiation")
        if chance.random() < 0.6:
            life.own(chance.choice(people))
            story.move("Closed Won", at=story.at + timedelta(days=chance.randrange(1, 40)))
    if chance.random() < 0.1:
        story.delete()
        if chance.random() < 0.5:
            story.restore()
    return life


async def publish_office(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, seed: int) -> Office:
    chance = random.Random(seed)  # noqa: S311 - no secret
    office = Office(tenant, pipeline)
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    people = [person.id for person in tenant.people]
    office.lives = [publish_one(office, other, chance, people) for _ in range(DEALS)]
    shares = []
    for life in office.lives:
        life.shared_with = chance.sample(people, chance.choice((0, 0, 0, 1, 2)))
        given = [{"user_id": user_id, "permission": "READ"} for user_id in life.shared_with]
        contact_id = life.story.contact_id
        shares.append(make_contact_event(tenant.id, tenant.admin.id, contact_id=contact_id, shares=given))
    await keep_shares(shares, reporting.database)
    events = [event for life in office.lives for event in life.story.events]
    for begin in range(0, len(events), 97):
        await project_deals(events[begin : begin + 97], reporting.database)
    for currency, dated in RATES.items():
        for day, rate in dated.items():
            await set_rate(reporting, tenant, currency, day.isoformat(), rate)
    for person in tenant.people:
        for month in MONTHS:
            if chance.random() < 0.6:
                currency = chance.choice(list(DIGITS))
                amount = str(chance.choice((0, chance.randrange(1, 10**8))))
                office.quotas[person.id, month] = (amount, currency)
                await set_quota(reporting, tenant, person, f"{month:%Y-%m}", amount, currency=currency)
    return office


@pytest.mark.parametrize("seed", [1, 2])
async def test_it_is_what_counting_again_says(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, seed: int
) -> None:
    office = await publish_office(reporting, tenant, pipeline, seed)
    chance = random.Random(seed)  # noqa: S311 - no secret
    people = [person.id for person in tenant.people]
    rows = 0
    for viewer in tenant.people:
        for zone in ZONES:
            first, last = sorted(chance.choices(MONTHS, k=2))
            currency = chance.choice(list(DIGITS))
            owner_ids = chance.choice(([], [], chance.sample(people, 2)))
            report = await read_attainment(
                reporting.client(viewer),
                **{"from": f"{first:%Y-%m}", "to": f"{last:%Y-%m}", "time_zone": zone, "currency": currency},
                owner_id=[str(owner_id) for owner_id in owner_ids],
            )
            today = datetime.fromisoformat(report["as_of"]).astimezone(ZoneInfo(zone)).date()
            expected, missing = recount(office, viewer, Asked(first, last, zone, currency, owner_ids, today))
            require_equal(report, expected, missing)
            rows += len(expected)
    assert rows > 20


def require_equal(report: Mapping[str, Any], expected: Mapping[str, Mapping[str, str]], missing: set[str]) -> None:
    """Fail unless rows, ratios, their order, the total and the missing rates are what was counted."""
    names = ("quota", "won", "open")
    assert {item["user_id"]: {name: item[name] for name in names} for item in report["items"]} == expected
    assert report["missing_rates"] == sorted(missing)
    total = report["total"]
    digits = DIGITS[report["currency"]]
    for name in names:
        added = sum((Decimal(row[name]) for row in expected.values()), Decimal(0))
        assert total[name] == f"{added.quantize(Decimal(1).scaleb(-digits)):f}"
    for row in (*report["items"], total):
        assert (row["attainment"], row["coverage"]) == to_ratios(row)
        assert set(row["reasons"]) == {name for name in ("attainment", "coverage") if row[name] is None}
    standings = [-1.0 if item["attainment"] is None else item["attainment"] for item in report["items"]]
    assert standings == sorted(standings, reverse=True)
