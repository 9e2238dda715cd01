"""Time and ids come in from outside, so that rules can be tested at any moment."""

from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from uuid_utils.compat import uuid7


class Clock(Protocol):
    def now(self) -> datetime:
        """Give the present instant, in UTC."""
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


def new_id() -> UUID:
    """Make a UUIDv7: time-ordered, so that new rows go to the end of their index."""
    return uuid7()
