"""Calendar feeds: the rules, and what of an activity a calendar shows. No I/O, no clock but the instant handed in."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from crm_activities.activities.activity import ActivityType
from crm_shared.refusals import Conflict, NotFound

MOST_FEEDS: Final = 10
"""Of one user: one for each of their devices and programs, each revoked by itself."""

MOST_ENTRIES: Final = 10_000
"""In one feed, the nearest in time; calendars themselves take fewer."""

MOST_TEXT_BYTES: Final = 4 * 1024 * 1024
"""Of all texts in one feed; entries beyond come with the beginning of their subject alone."""

SHORT_CHARS: Final = 100

KEPT_DAYS: Final = 30
"""How far back a feed reaches, and how long one that was deleted stays in it as cancelled."""

USUAL_MINUTES: Final = 30
"""How long a meeting lasts of which nobody said so, and for how long a task shows."""

READ_NOTED: Final = timedelta(minutes=15)
"""How exactly `last_read_at` is kept: calendars ask again and again, and each note is a write."""


class FeedNotFound(NotFound):
    """Absent, revoked, or another's; its user deactivated."""

    def __init__(self) -> None:
        super().__init__("There is no such calendar feed.")


class TooManyFeeds(Conflict):
    slug, title = "too-many-feeds", "There are as many calendar feeds as there may be"

    def __init__(self) -> None:
        super().__init__(f"A user has at most {MOST_FEEDS} calendar feeds. Revoke one that is not needed any more.")


@dataclass(frozen=True, slots=True)
class Feed:
    """What a secret opens: whose activities, and how their calendar is called and shown."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    full_name: str
    time_zone: str
    last_read_at: datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """An entry as far as it matters for whether anything has changed: a version says all of an activity."""

    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A task or meeting at a time, or on a whole day."""

    id: UUID
    version: int
    type: ActivityType
    subject: str | None
    body: str | None
    location: str | None
    priority: str | None
    scheduled_at: datetime | None
    scheduled_on: date | None
    duration_s: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None


def is_read_noted(feed: Feed, *, now: datetime) -> bool:
    """Return whether that the feed is read need not be written again."""
    return feed.last_read_at is not None and now - feed.last_read_at < READ_NOTED


def end_of(entry: Entry) -> datetime | date | None:
    """Return when the entry ends: the day after a whole day. None where it takes no time at all."""
    if entry.scheduled_at is None:
        return None if entry.scheduled_on is None else entry.scheduled_on + timedelta(days=1)
    if entry.duration_s is None:
        return entry.scheduled_at + timedelta(minutes=USUAL_MINUTES)
    return entry.scheduled_at + timedelta(seconds=entry.duration_s) if entry.duration_s > 0 else None
