"""Instances of a series: how each is named, and what of the first one the others copy. No I/O, no clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from crm_activities.activities.activity import Activity, NewActivity
from crm_activities.series.occurrences import to_moment, to_wall
from crm_shared.refusals import InvalidField
from crm_shared.time_window import END, FIRST_INSTANT

COPIED: Final = ("type", "deal_id", "subject", "body", "location", "priority", "duration_s", "attachments")
"""What instances copy beside contacts, user and rule. The reminder keeps its distance from the start."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One start that the rule gives. `day` is None for an instant; a whole day's `moment` is its first one."""

    wall: datetime
    moment: datetime
    day: date | None

    @property
    def recurrence_id(self) -> str:
        return self.day.isoformat() if self.day else write_moment(self.moment)


def name_start(activity: Activity | NewActivity) -> str | None:
    """Return what an activity is called in a series that begins with it; None for one without a start."""
    if activity.scheduled_on is not None:
        return activity.scheduled_on.isoformat()
    return None if activity.scheduled_at is None else write_moment(activity.scheduled_at)


def find_start(activity: Activity, zone: ZoneInfo) -> datetime:
    """Return the start as the zone's clocks show it. Raises InvalidField for an activity without one."""
    if activity.scheduled_on is not None:
        return datetime.combine(activity.scheduled_on, time.min)
    if activity.scheduled_at is None:
        raise InvalidField.at("/recurrence", "needs scheduled_at or scheduled_on")
    return to_wall(activity.scheduled_at, zone)


def make_template(activity: Activity, zone: ZoneInfo) -> dict[str, Any]:
    """Return what the series' later instances copy, and `remind_after_us`, microseconds from start to reminder.

    A whole day's reminder keeps its time by the wall clock: it has no instant to be so far from.
    """
    template: dict[str, Any] = {name: getattr(activity, name) for name in COPIED}
    if activity.remind_at is not None:
        distance = (
            to_wall(activity.remind_at, zone) - datetime.combine(activity.scheduled_on, time.min)
            if activity.scheduled_on is not None
            else activity.remind_at - (activity.scheduled_at or activity.remind_at)
        )
        template["remind_after_us"] = distance // timedelta(microseconds=1)
    return template


def find_reminder(template: Mapping[str, Any], one: Occurrence, zone: ZoneInfo) -> datetime | None:
    """Return when an instance reminds; None for never, or where that would lie outside 1900 to 2200."""
    distance_us = template.get("remind_after_us")
    if distance_us is None:
        return None
    distance = timedelta(microseconds=distance_us)
    try:
        at = to_moment(one.wall + distance, zone) if one.day else one.moment + distance
    except OverflowError:
        return None
    return at if FIRST_INSTANT <= at < END else None


def write_moment(moment: datetime) -> str:
    """Write an instant in UTC as the API does."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_start(recurrence_id: str, zone: ZoneInfo) -> datetime:
    """Return the moment that an instance is named by; a whole day's first one."""
    moment = datetime.fromisoformat(recurrence_id)
    return moment if moment.tzinfo else to_moment(moment, zone)
