"""The bases of request models: unknown fields are refused, text is trimmed."""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from crm_shared.http.ids import CanonicalIds
from crm_shared.text import to_line, to_name, to_nfc
from crm_shared.time_window import to_day, to_instant

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,18}", re.ASCII)
_STARTS_AS_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}[^ ]*$", re.ASCII)


class RequestBody(CanonicalIds):
    """A JSON body. Unknown fields are 422."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    def given(self) -> dict[str, object]:
        """Return the fields that the body named, None included: what a PATCH changes."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _require_instant(value: object) -> object:
    """Refuse numbers, which pydantic would read as seconds since 1970: `2026` is nobody's moment in that year."""
    if isinstance(value, datetime) or (isinstance(value, str) and _STARTS_AS_INSTANT.match(value)):
        return value
    raise ValueError("takes an instant of RFC 3339, such as 2026-11-22T03:51:54Z; in an address + is written %2B")


def _require_day(value: object) -> object:
    """Refuse numbers, as for instants, and instants at midnight, which are days in one zone alone."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value)):
        return value
    raise ValueError("takes a day, such as 2026-11-22")


Instant = Annotated[AwareDatetime, BeforeValidator(_require_instant), AfterValidator(to_instant)]
"""A moment with its offset, kept in UTC: what a write answers and tells must read as what GET answers."""

Day = Annotated[date, BeforeValidator(_require_day), AfterValidator(to_day)]


def _require_digits(value: object) -> object:
    """Refuse what Python would read as a number and nobody means: `1_0`, digits of other scripts."""
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("takes a whole number")
    return value


WholeNumber = Annotated[int, BeforeValidator(_require_digits)]
"""Of an address, where all is text. In a body numbers and booleans are JSON's own: `strict`, StrictBool."""


class PageQuery(CanonicalIds):
    """The parameters of every list. A list's own filters are added by inheriting."""

    # Trimmed as bodies are: a filter finds what a field stored of the same text.
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    limit: Annotated[WholeNumber, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(max_length=1000)] = None


class ListQuery(PageQuery):
    """The parameters of a list of records."""

    sort: Annotated[str | None, Field(max_length=100, description="a field, with - before it for descending")] = None
    updated_since: Instant | None = None


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(to_name)]
"""One line that shows something, such as a name."""

LineText = Annotated[str, AfterValidator(to_line)]
"""One line of whatever text, none too."""

LongText = Annotated[str, StringConstraints(max_length=50_000), AfterValidator(to_nfc)]
"""Text of many lines."""
