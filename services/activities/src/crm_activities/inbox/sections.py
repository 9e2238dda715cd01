"""Which tasks each section of an inbox holds at a moment, and what their order is. No I/O, no clock.

A day's due instant depends on the zone, so none is stored: the borders are reckoned for each request, and tasks with a
time and tasks with a day are read from an index each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_shared.listing import Key, Order, SortField
from crm_shared.listing.orders import PARSERS
from crm_shared.local_days import ONE_DAY, day_at, end_of_day, skipped_days
from crm_shared.time_window import END, FIRST_INSTANT

_TICK: Final = timedelta(microseconds=1)


class Section(StrEnum):
    OVERDUE = "overdue"
    TODAY = "today"
    UPCOMING = "upcoming"
    UNSCHEDULED = "unscheduled"


@dataclass(frozen=True, slots=True)
class Place:
    """The last task of a page: when it was due, and the moment `at` of the walk's first page."""

    due: datetime
    at: datetime


class SectionOrder(Order):
    """By due time, then id. A cursor keeps the moment of the first page, so that no border moves during a walk."""

    def parse(self, text: str | None) -> Place:
        due, _, at = (text or "").partition(" ")
        return Place(_parse_due(due), PARSERS[datetime](at))


def _parse_due(text: str) -> datetime:
    """Read when a task was due: the last day of the window ends in the first hours after it. Raises ValueError."""
    due = datetime.fromisoformat(text)
    if due.tzinfo is None or not FIRST_INSTANT <= due <= END + ONE_DAY:
        raise ValueError("is no time at which a task is due")
    return due.astimezone(UTC)


ORDERS: Final = {
    section: SectionOrder(
        f"inbox {section}", SortField("a.scheduled_at", datetime), is_descending=False, id_column="a.id"
    )
    for section in Section
}


def to_key(due: datetime, task_id: UUID, *, at: datetime) -> Key:
    """Return what a cursor after this task holds."""
    return Key(f"{due.isoformat()} {at.isoformat()}", task_id)


@dataclass(frozen=True, slots=True)
class Borders:
    """The moment `at`; `tomorrow`, when its day in `zone` is over; the last days that are due by either."""

    zone: str
    at: datetime
    tomorrow: datetime
    last_overdue: date
    last_today: date


def find_borders(at: datetime, zone: str) -> Borders:
    today = day_at(at, zone)
    tomorrow = end_of_day(today, zone)
    last_overdue, last_today = today - ONE_DAY, today
    while end_of_day(last_overdue, zone) > at:  # clocks will go back into it
        last_overdue -= ONE_DAY
    while end_of_day(last_today + ONE_DAY, zone) <= tomorrow:  # a day left out
        last_today += ONE_DAY
    return Borders(zone, at, tomorrow, last_overdue, last_today)


@dataclass(frozen=True, slots=True)
class Leg:
    """Tasks that one index has in due order: those whose `column` lies after `after` and up to `until`, None: any.

    `without`: days that are a leg of their own, as they share their due instant with the day before.
    """

    column: LiteralString
    after: date | None = None
    until: date | None = None
    without: tuple[date, ...] = ()


def list_legs(section: Section, borders: Borders) -> Iterator[Leg]:
    """Yield the parts of a section; merged by due time and id they are its tasks in order."""
    first_of_today, last_of_today = borders.at, borders.tomorrow - _TICK
    match section:
        case Section.OVERDUE:
            yield Leg("a.scheduled_at", until=first_of_today)
            yield from _list_days(borders.zone, None, borders.last_overdue)
        case Section.TODAY:
            yield Leg("a.scheduled_at", first_of_today, last_of_today)
            yield from _list_days(borders.zone, borders.last_overdue, borders.last_today)
        case Section.UPCOMING:
            yield Leg("a.scheduled_at", last_of_today)
            yield from _list_days(borders.zone, borders.last_today, None)
        case Section.UNSCHEDULED:
            yield Leg("a.created_at")


def _list_days(zone: str, after: date | None, until: date | None) -> Iterator[Leg]:
    skipped = tuple(
        day for day in skipped_days(zone) if (after is None or day > after) and (until is None or day <= until)
    )
    yield Leg("a.scheduled_on", after, until, skipped)
    for day in skipped:
        yield Leg("a.scheduled_on", day - ONE_DAY, day)


def begin_after(leg: Leg, due: datetime, zone: str) -> tuple[date, bool]:
    """Return the value of the leg's column that a page after a task due at `due` begins behind.

    True: tasks of that very value follow too, by their ids.
    """
    if leg.column != "a.scheduled_on":
        return due, True
    around = [day_at(due, zone) + number * ONE_DAY for number in range(-3, 2)]
    for day in around:
        is_in_leg = (leg.after is None or day > leg.after) and (leg.until is None or day <= leg.until)
        if end_of_day(day, zone) == due and is_in_leg and day not in leg.without:
            return day, True
    return max(day for day in around if end_of_day(day, zone) < due), False


def due_of(row: dict[str, Any], zone: str) -> datetime:
    """Return when the task of a row with `moment` or `day` is due; where there is no due time, its creation."""
    moment: datetime | None = row["moment"]
    return moment if moment is not None else end_of_day(row["day"], zone)
