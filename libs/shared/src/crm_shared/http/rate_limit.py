"""Requests per user and window, counted in this process: a guard against a runaway client, not a quota to bill by."""

import math
import time
from uuid import UUID

from crm_shared.refusals import RateLimited


class RateLimit:
    """A fixed window. `count` gives what is left and the seconds to the window's end."""

    def __init__(self, *, requests: int, window_s: int) -> None:
        self.requests = requests
        self.window_s = window_s
        self._window = 0
        self._counts: dict[UUID, int] = {}

    def count(self, user_id: UUID) -> tuple[int, int]:
        """Take one request in. Raises RateLimited, with `retry_after_s`, once the window is full."""
        now = time.monotonic()
        window = int(now // self.window_s)
        if window != self._window:
            self._window = window
            self._counts.clear()
        used = self._counts.get(user_id, 0) + 1
        self._counts[user_id] = used
        reset_s = math.ceil((window + 1) * self.window_s - now)
        if used > self.requests:
            raise RateLimited(
                f"At most {self.requests} requests in {self.window_s} s. Come again in {reset_s} s.",
                retry_after_s=reset_s,
            )
        return self.requests - used, reset_s
