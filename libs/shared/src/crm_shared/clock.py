"""Time and ids come in from outside, so that rules can be tested at any moment."""

from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

UUID_WITH_TIME: Final = 7


class Clock(Protocol):
    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        ...


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """Stands where it was put: for tests."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def passed_s(since: datetime, now: datetime) -> float:
    """Return the seconds that have passed, never less than none.

    `since` may be of another machine, whose clock is ahead. One negative sample makes a histogram's sum go down,
    which no counter may: readers of OpenMetrics refuse the whole page then.
    """
    return max(0.0, (now - since).total_seconds())


def time_of_id_s(id_: UUID) -> float | None:
    """Read when an id was made, in seconds of Unix time; None of an id that is no UUIDv7."""
    return (id_.int >> 80) / 1000 if id_.version == UUID_WITH_TIME else None


def new_id() -> UUID:
    """Make a UUIDv7: time-ordered, so that new rows go to the end of their index."""
    return uuid7()
