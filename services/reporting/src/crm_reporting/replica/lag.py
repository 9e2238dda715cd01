"""How far a standby is behind, and whether reports may read it. No I/O, and no clock but the instants handed in.

PostgreSQL's own figure for seconds (`now() - pg_last_xact_replay_timestamp()`) grows while the primary has nothing to
write, and compares two machines' clocks. Here both come of WAL positions: a standby that has replayed what the primary
had written at some moment is at most as old as that moment.
"""

from collections import deque
from typing import Final

MOST_MOMENTS: Final = 1000
"""Of a standby that never catches up. Dropping the oldest makes its lag look longer, never shorter."""

RETURNS_AT: Final = 0.5
"""The part of each bound within which a standby must come before it is read again: else it would come and go."""


class ReplicaLag:
    """Fed with positions in order of time; `max_s` and `max_bytes` are the bounds within which reports read there."""

    def __init__(self, *, max_s: float, max_bytes: int) -> None:
        self._max_s = max_s
        self._max_bytes = max_bytes
        self._moments: deque[tuple[float, int]] = deque(maxlen=MOST_MOMENTS)
        self._holds_all_until_s: float | None = None
        self._is_within = False
        self.bytes: int | None = None
        self.seconds: float | None = None

    def note(self, *, at_s: float, written: int, replayed: int) -> None:
        """Take in that the primary had written `written` at `at_s`, and the standby replayed `replayed` before that."""
        if self._moments and written < self._moments[-1][1]:  # another primary, so another history
            self.forget()
        self._moments.append((at_s, written))
        while self._moments and self._moments[0][1] <= replayed:
            self._holds_all_until_s, _ = self._moments.popleft()
        self.bytes = written - replayed
        # Not known before it has reached a moment that we saw: it may be paused since days, with little to replay.
        self.seconds = None if self._holds_all_until_s is None else at_s - self._holds_all_until_s
        part = 1.0 if self._is_within else RETURNS_AT
        self._is_within = (
            self.seconds is not None and self.seconds <= part * self._max_s and self.bytes <= part * self._max_bytes
        )

    def forget(self) -> None:
        """Know nothing of the standby: it is away, or no standby of this primary."""
        self.doubt()
        self._moments.clear()
        self._holds_all_until_s = self.bytes = self.seconds = None

    def doubt(self) -> None:
        """Have nobody read there until the next positions say that one may."""
        self._is_within = False

    def may_be_read(self, now_s: float) -> bool:
        """Return whether it is within both bounds now; what was seen last ages."""
        return (
            self._is_within and self._holds_all_until_s is not None and now_s - self._holds_all_until_s <= self._max_s
        )
