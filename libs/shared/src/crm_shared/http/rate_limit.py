"""Requests per window, counted in this process: a guard against a runaway client, not a quota to bill by.

Three counts: bad tokens and secrets by client address, before anything is verified; requests by user, or by the secret
that stands for one; requests by tenant.
"""

import contextlib
import math
import time
from collections.abc import Hashable, MutableMapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from crm_shared.refusals import RateLimited
from crm_shared.settings import ServiceSettings

RATE_HEADERS: Final = "crm.rate_headers"
"""Where a request's scope has what its answer tells of the limit."""

KNOWN_SECRETS: Final = 10_000


class Allowance(NamedTuple):
    """What a limit still lets through: requests of how many, and the seconds to the window's end."""

    left: int
    of: int
    reset_s: int


class TooManyRequests(RateLimited):
    """`spent`: the allowance that is used up."""

    def __init__(self, spent: Allowance, window_s: int) -> None:
        super().__init__(
            f"At most {spent.of} requests in {window_s} s. Come again in {spent.reset_s} s.",
            retry_after_s=spent.reset_s,
        )
        self.spent = spent


class RateLimit:
    """A fixed window."""

    def __init__(self, *, requests: int, window_s: int) -> None:
        self.requests = requests
        self.window_s = window_s
        self._window = 0
        self._counts: dict[Hashable, int] = {}

    def count(self, key: Hashable) -> Allowance:
        """Take one request in. Raises TooManyRequests once the window is full."""
        reset_s = self._turn_window()
        used = self._counts.get(key, 0) + 1
        self._counts[key] = used
        if used > self.requests:
            raise self._refuse(reset_s)
        return Allowance(self.requests - used, self.requests, reset_s)

    def require_left(self, key: Hashable) -> None:
        """Raise TooManyRequests if the window is full, without counting."""
        reset_s = self._turn_window()
        if self._counts.get(key, 0) >= self.requests:
            raise self._refuse(reset_s)

    def _turn_window(self) -> int:
        now = time.monotonic()
        window = int(now // self.window_s)
        if window != self._window:
            self._window = window
            self._counts.clear()
        return math.ceil((window + 1) * self.window_s - now)

    def _refuse(self, reset_s: int) -> TooManyRequests:
        return TooManyRequests(Allowance(0, self.requests, reset_s), self.window_s)


class SecretTries:
    """Who tries secret after secret hears 429, and costs no more looking up; those that were good before still pass."""

    def __init__(self, bad: RateLimit) -> None:
        self._bad = bad
        self._good: set[bytes] = set()

    def require_left(self, network: str, digest: bytes) -> None:
        """Raise RateLimited if the client's network has tried too many. `digest`: the secret's."""
        if digest not in self._good:
            self._bad.require_left(network)

    def note_good(self, digest: bytes) -> None:
        if len(self._good) >= KNOWN_SECRETS:
            self._good.clear()
        self._good.add(digest)

    def note_bad(self, network: str, digest: bytes) -> None:
        self._good.discard(digest)
        with contextlib.suppress(RateLimited):
            self._bad.count(network)


def share_of(limit: int, settings: ServiceSettings) -> int:
    """Return what of a tenant's limit one of the service's API processes may let through.

    Users' limits are not shared out: one user is often one connection, which is one process's.
    """
    return math.ceil(limit / settings.api_processes)


class RateLimits:
    """The counts of one process."""

    def __init__(self, settings: ServiceSettings) -> None:
        window_s = settings.rate_limit_window_s
        self._by_user = RateLimit(requests=settings.rate_limit_requests, window_s=window_s)
        self._by_tenant = RateLimit(requests=share_of(settings.rate_limit_tenant_requests, settings), window_s=window_s)
        self.bad_tokens = RateLimit(requests=settings.rate_limit_bad_tokens, window_s=window_s)
        self.secret_tries = SecretTries(self.bad_tokens)

    def count(self, user: Hashable, tenant_id: UUID) -> Allowance:
        """Take one request in; return what the limit that is nearest still lets through. Raises TooManyRequests."""
        return min(self._by_user.count(user), self._by_tenant.count(tenant_id))


def count_request(scope: MutableMapping[str, Any], limits: RateLimits, user: Hashable, tenant_id: UUID) -> None:
    """Count the request. Its answer tells what is left, whatever else it says: refusals count too.

    `user`: whose count it is, a user's id or what stands for one. Raises TooManyRequests.
    """
    try:
        allowance = limits.count(user, tenant_id)
    except TooManyRequests as refusal:
        allowance = refusal.spent
        raise
    finally:
        scope[RATE_HEADERS] = [
            (b"ratelimit-limit", b"%d" % allowance.of),
            (b"ratelimit-remaining", b"%d" % allowance.left),
            (b"ratelimit-reset", b"%d" % allowance.reset_s),
        ]
