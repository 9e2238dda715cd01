"""Lives of deals at random: moves told late, closings, reopenings, deletions, hand-overs, other pipelines."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.reporting.tests.integration.truth.business import (
    DIGITS,
    FIRST,
    LAST,
    TRIAL,
    TRIAL_ENDS,
    ZONES,
    Business,
)

from crm_testing.deal_stories import DealStory

MINUTE: Final = timedelta(minutes=1)
CURRENCIES: Final = ("EUR", "EUR", "USD", "JPY", "KWD")
OPEN_STAGES: Final = ("Qualification", "Discovery", "Proposal", "Negotiation")
CLOSED_STAGES: Final = ("Closed Won", "Closed Won", "Closed Lost")
REASONS: Final = ("Price", "price", "Timing", "No budget", None)
NEAR: Final = (-1, 0, 1, 999_999, 1_800_000_000, -1_800_000_000)
"""Microseconds from a local midnight."""


def live(business: Business, chance: random.Random) -> DealStory:
    """Let a deal live from somewhere in the first weeks on, till it is closed for good or the three months are over."""
    now = pick_moment(chance, FIRST + timedelta(days=chance.random() * 75))
    currency = chance.choice(CURRENCIES)
    story = DealStory(
        business.pipelines[chance.random() < 0.2][0],
        chance.choice(business.people).id,
        pick_amount(chance, currency),
        currency,
        _pick_close_date(chance, now),
        chance.choice(_list_open(chance, now, is_default=True)) if chance.random() < 0.95 else "Closed Won",
        at=now,
        contact_id=chance.choice([None, *(contact.id for contact in business.contacts)]),
    )
    if story.stage == TRIAL and not story.pipeline.is_default:
        story.stage = "Qualification"
    story.create()
    while (now := pick_moment(chance, now + timedelta(days=chance.expovariate(1 / 6)))) < LAST:
        now = max(now, story.at + 2 * MINUTE)
        _leave_trial(story, now)
        story.at = now - MINUTE  # an act comes a minute later
        if story.is_deleted:
            if chance.random() < 0.6:
                story.restore()
        else:
            _act(business, story, chance, now)
        if story.state["status"] != "OPEN" and chance.random() < 0.45:
            break
    _leave_trial(story, LAST)
    return story


def _act(business: Business, story: DealStory, chance: random.Random, now: datetime) -> None:
    acts: Mapping[str, tuple[int, Callable[[], object]]] = {
        "move": (9, lambda: _move(story, chance, now, _list_open(chance, now, is_default=story.pipeline.is_default))),
        "close": (5, lambda: _move(story, chance, now, CLOSED_STAGES)),
        "amount": (3, lambda: story.edit(amount=pick_amount(chance, story.state["currency"]))),
        "currency": (1, lambda: _change_currency(story, chance)),
        "close_date": (2, lambda: story.edit(close_date=_pick_close_date(chance, now))),
        "owner": (3, lambda: story.edit(owner_id=chance.choice([None, *(person.id for person in business.people)]))),
        "delete": (1, story.delete),
        "pipeline": (1, lambda: _change_pipeline(business, story, chance, now)),
    }
    [act] = chance.choices([act for _, act in acts.values()], [weight for weight, _ in acts.values()])
    act()


def _move(story: DealStory, chance: random.Random, now: datetime, stages: Sequence[str]) -> None:
    """Go on, or back; one move in four is told some days late."""
    to = chance.choice(stages)
    if story.state["stage_id"] == story.pipeline.stage(to).id:
        return
    late = timedelta(days=chance.random() * 9) if chance.random() < 0.25 else timedelta(0)
    story.move(to, at=max(pick_moment(chance, now - late) if late else now, story.state["stage_changed_at"]))
    story.at = max(now, story.at)
    if story.state["status"] == "LOST":
        story.edit(lost_reason=chance.choice(REASONS))


def _change_currency(story: DealStory, chance: random.Random) -> None:
    currency = chance.choice(CURRENCIES)
    story.edit(currency=currency, amount=pick_amount(chance, currency))


def _change_pipeline(business: Business, story: DealStory, chance: random.Random, now: datetime) -> None:
    other = next(versions[0] for versions in business.pipelines if versions[0].id != story.pipeline.id)
    story.move(chance.choice(OPEN_STAGES), at=max(now, story.state["stage_changed_at"]), pipeline=other)


def _leave_trial(story: DealStory, now: datetime) -> None:
    """Leave the stage when the pipeline loses it."""
    if now >= TRIAL_ENDS and story.state["stage_id"] == _find_trial(story):
        story.move("Qualification", at=TRIAL_ENDS)


def _find_trial(story: DealStory) -> Any:
    return next((stage.id for stage in story.pipeline.stages if stage.name == TRIAL), None)


def _list_open(chance: random.Random, now: datetime, *, is_default: bool) -> Sequence[str]:
    has_trial = is_default and now < TRIAL_ENDS and chance.random() < 0.5
    return (*OPEN_STAGES, TRIAL) if has_trial else OPEN_STAGES


def pick_amount(chance: random.Random, currency: str) -> Decimal | None:
    if chance.random() < 0.08:
        return chance.choice((None, Decimal(0)))
    return Decimal(int(10 ** chance.uniform(0, 8))).scaleb(-DIGITS[currency])


def pick_moment(chance: random.Random, about: datetime) -> datetime:
    """Return this moment, or one near the midnight of a zone before it."""
    if chance.random() > 0.3:
        return about
    zone = ZoneInfo(chance.choice(ZONES))
    midnight = datetime.combine(about.astimezone(zone).date(), time.min, zone).astimezone(UTC)
    return midnight + timedelta(microseconds=chance.choice(NEAR))


def _pick_close_date(chance: random.Random, now: datetime) -> date | None:
    return chance.choice((None, *[(now + timedelta(days=chance.randrange(-5, 60))).date() for _ in range(6)]))
