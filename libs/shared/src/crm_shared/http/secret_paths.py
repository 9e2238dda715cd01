"""Paths that hold a secret: what is said, counted or written of a request shows them without it.

Whoever has such an address is let in by it alone, as calendars can send nothing else. It must stand in no problem, no
log and no metric (those go by the route's template).
"""

import re
from typing import Final

_WITH_SECRET: Final = re.compile(r"(/v1/calendar/).+", re.DOTALL)
HIDDEN: Final = "***"


def to_shown_path(path: str) -> str:
    """Return the path as it may be shown. All that stands where a secret does is hidden, even where it is none."""
    found = _WITH_SECRET.fullmatch(path)
    return path if found is None else found[1] + HIDDEN
