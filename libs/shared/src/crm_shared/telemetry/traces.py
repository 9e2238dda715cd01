"""W3C trace context: a request's `traceparent` goes into its events, its logs and its calls to other services.

It does so whether spans are recorded or not (`spans.py`): the trace id is what an operator finds a request's logs by.
"""

import random
import re
from contextvars import ContextVar, Token
from typing import Final

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_random = random.Random()  # noqa: S311 - ids that must differ, not be unguessable; the system's source costs a call each
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)

SAMPLED: Final = 1


def current_traceparent() -> str | None:
    """Return the traceparent of what runs now, or None outside any request or event."""
    return _current.get()


def enter_trace(traceparent: str) -> "Token[str | None]":
    """Have `traceparent` be that of what runs now; the token takes it back by `leave_trace`."""
    return _current.set(traceparent)


def leave_trace(token: "Token[str | None]") -> None:
    _current.reset(token)


def continue_trace(received: str | None) -> str:
    """Enter the trace of `received`, as a new span of it; start a trace where it is absent or malformed.

    A trace that starts here is marked as not sampled: nobody records this span, and who reads of it need not either.
    """
    span = f"{_random.getrandbits(64):016x}"
    if received is not None and _TRACEPARENT.fullmatch(received):
        traceparent = f"{received[:36]}{span}{received[52:]}"
    else:
        traceparent = f"00-{_random.getrandbits(128):032x}-{span}-00"
    _current.set(traceparent)
    return traceparent


def read_traceparent(text: str | None) -> tuple[int, int, int] | None:
    """Return the ids of trace and span and the flags, None where there is no traceparent."""
    if text is None or not _TRACEPARENT.fullmatch(text):
        return None
    return int(text[3:35], 16), int(text[36:52], 16), int(text[53:], 16)


def is_sampled(traceparent: str | None) -> bool:
    """Return whether somebody records the span that `traceparent` names."""
    found = read_traceparent(traceparent)
    return found is not None and bool(found[2] & SAMPLED)
