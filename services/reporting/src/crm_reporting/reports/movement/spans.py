"""The two moments that are compared. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from crm_reporting.reports.movement.schemas import MovementQuery
from crm_shared.refusals import InvalidField
from crm_shared.time_window import FIRST_INSTANT

USUAL_SPAN: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Span:
    """What happened at exactly `start` is part of the state there, what happened at exactly `end` of the change."""

    start: datetime
    end: datetime


def to_span(query: MovementQuery, *, now: datetime) -> Span:
    """Read the query's moments: by default the week until now. Raises InvalidField."""
    end = query.to or now
    if end > now:
        raise InvalidField.at("?to", "lies in the future")
    start = query.from_ or max(FIRST_INSTANT, end - USUAL_SPAN)
    if start > end:
        raise InvalidField.at("?from", "lies after `to`")
    return Span(start, end)
