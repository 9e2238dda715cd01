"""W3C trace context: a request's `traceparent` goes into its events, its logs and its calls to other services."""

import random
import re
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_random = random.Random()  # noqa: S311 - ids that must differ, not be unguessable; the system's source costs a call each
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def current_traceparent() -> str | None:
    """Return the traceparent of what runs now, or None outside any request or event."""
    return _current.get()


def continue_trace(received: str | None) -> str:
    """Enter the trace of `received`, as a new span of it; start a trace where it is absent or malformed."""
    span = f"{_random.getrandbits(64):016x}"
    if received is not None and _TRACEPARENT.fullmatch(received):
        traceparent = f"{received[:36]}{span}{received[52:]}"
    else:
        traceparent = f"00-{_random.getrandbits(128):032x}-{span}-01"
    _current.set(traceparent)
    return traceparent
