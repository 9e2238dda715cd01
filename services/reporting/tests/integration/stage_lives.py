"""Random lives of deals between stages, how they are told, and what reports over stages say, by plain reading."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_shared.contracts import Event
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person

FIRST_ENTRY = datetime(2025, 2, 20, tzinfo=UTC)
DAY_US = 86_400_000_000
OPEN_STAGES = ("Qualification", "Discovery", "Proposal", "Negotiation")
STAGES = (*OPEN_STAGES, "Closed Won", "Closed Lost")


def live(
    random: Random, pipelines: Sequence[PublishedPipeline], owners: Sequence[Person], contacts: Sequence[UUID]
) -> DealStory:
    """Let a deal skip, return, close, reopen, change its pipeline, be deleted and come back, for months or a moment."""
    story = DealStory(
        random.choice(pipelines),
        random.choice(owners).id,
        stage=random.choice((*OPEN_STAGES[:1] * 5, *STAGES)),
        at=FIRST_ENTRY + timedelta(microseconds=random.randrange(250 * DAY_US)),
        contact_id=random.choice((None, *contacts)),
    )
    story.create()
    for _ in range(random.randrange(9)):
        act = random.random()
        if act < 0.75:
            _move(random, story, pipelines)
        elif act < 0.87:
            story.edit(owner_id=random.choice(owners).id)
        elif story.is_deleted:
            story.restore()
        else:
            story.delete()
    return story


def _move(random: Random, story: DealStory, pipelines: Sequence[PublishedPipeline]) -> None:
    """Move it to another stage, at the moment of its last move or later, whatever was told of it since."""
    pipeline = random.choice((*(story.pipeline for _ in range(7)), *pipelines))
    target = pipeline.stage(random.choice(STAGES))
    if target.id == story.state["stage_id"]:
        return
    waits = random.choice((0, 1, 7 * DAY_US, 25 * DAY_US))
    later = timedelta(microseconds=random.randrange(waits) if waits else 0)
    story.move(target.name, at=story.state["stage_changed_at"] + later, pipeline=pipeline)


def deliver(random: Random, stories: Sequence[DealStory]) -> Iterator[list[Event]]:
    """Tell of some deals event by event, of some by a snapshot alone, of some by both; in any order, some again."""
    published: list[Event] = []
    for story in stories:
        way = random.random()
        if way < 0.8:
            published += story.events
        if way > 0.6:
            of_today = story.snapshot()
            published.append(random.choice((of_today, replace(of_today, value_history=None))))  # of before release 0.2
    published += random.sample(published, len(published) // 5)
    random.shuffle(published)
    while published:
        size = random.randrange(1, 120)
        yield published[:size]
        del published[:size]


@dataclass(frozen=True, slots=True)
class Window:
    first_day: date
    last_day: date
    time_zone: str

    def holds(self, moment: datetime) -> bool:
        return self.first_day <= moment.astimezone(ZoneInfo(self.time_zone)).date() <= self.last_day


@dataclass(frozen=True, slots=True)
class Life:
    """The stages that a deal entered, with when, as they followed; and whether it is open today."""

    entries: Sequence[tuple[UUID, datetime]]
    is_open: bool


def read_lives(stories: Iterable[DealStory]) -> list[Life]:
    """Read the lives of the deals that are not deleted."""
    return [
        Life(
            [
                (entry["to_stage"]["id"], entry["changed_at"])
                for entry in sorted(story.history, key=lambda entry: (entry["changed_at"], entry["version"]))
            ],
            story.state["status"] == "OPEN",
        )
        for story in stories
        if not story.is_deleted
    ]


def convert(lives: Sequence[Life], window: Window, from_stage: UUID, to_stage: UUID) -> dict[str, Any]:
    """Say what the row of two stages is, deal by deal."""
    entered, still_open = 0, 0
    elapsed: list[Fraction] = []
    for life in lives:
        first = next((index for index, (stage, _) in enumerate(life.entries) if stage == from_stage), None)
        if first is None or not window.holds(life.entries[first][1]):
            continue
        entered += 1
        arrival = next((moment for stage, moment in life.entries[first + 1 :] if stage == to_stage), None)
        if arrival is not None:
            elapsed.append(in_days(arrival - life.entries[first][1]))
        elif life.is_open:
            still_open += 1
    return {
        "entered": entered,
        "converted": len(elapsed),
        "rate": float(round(Fraction(len(elapsed), entered), 4)) if entered else None,
        "median_days": interpolate(elapsed, Fraction(1, 2)),
        "open": still_open,
    }


def stay(lives: Sequence[Life], stage_id: UUID, now: datetime) -> dict[str, dict[str, Any]]:
    """Say what the row of a stage is: the open deals in it, and the stays that ended."""
    ended = [
        in_days(until - since)
        for life in lives
        for (stage, since), (_, until) in pairwise(life.entries)
        if stage == stage_id
    ]
    ongoing = [
        in_days(now - since)
        for life in lives
        for stage, since in life.entries[-1:]
        if stage == stage_id and life.is_open
    ]
    return {"open": summarise(ongoing), "left": summarise(ended)}


def summarise(days: Sequence[Fraction]) -> dict[str, Any]:
    return {
        "count": len(days),
        "average_days": sum(days) / len(days) if days else None,
        "median_days": interpolate(days, Fraction(1, 2)),
        "p90_days": interpolate(days, Fraction(9, 10)),
    }


def interpolate(values: Sequence[Fraction], share: Fraction) -> Fraction | None:
    """Return what `share` of the values lie below, between the two that are next to it."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def in_days(elapsed: timedelta) -> Fraction:
    return Fraction(elapsed // timedelta(microseconds=1), DAY_US)


def is_printed_as(exact: Fraction | None, printed: float | None) -> bool:
    """Return whether `printed` is the exact number of days to 4 places."""
    if exact is None or printed is None:
        return exact is None and printed is None
    return abs(exact - Fraction(str(printed))) <= Fraction(51, 10**6)
