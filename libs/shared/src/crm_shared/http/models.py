"""The bases of request models: unknown fields are refused, text is trimmed."""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

_STARTS_AS_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class RequestBody(BaseModel):
    """A JSON body. Unknown fields are 422."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    def given(self) -> dict[str, object]:
        """Give the fields that the body named, None included: what a PATCH changes."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _require_written_out(value: object) -> object:
    """Refuse numbers, which pydantic would read as seconds since 1970: `2026` is nobody's moment in that year."""
    if isinstance(value, date) or (isinstance(value, str) and _STARTS_AS_DATE.match(value)):
        return value
    raise ValueError("takes RFC 3339, such as 2026-11-22T03:51:54Z, or 2026-11-22 for a day")


def _to_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999") from None


Instant = Annotated[AwareDatetime, BeforeValidator(_require_written_out), AfterValidator(_to_utc)]
"""A moment with its offset, kept in UTC: what a write answers and tells must read as what GET answers."""

Day = Annotated[date, BeforeValidator(_require_written_out)]


class PageQuery(BaseModel):
    """The parameters of every list. A list's own filters are added by inheriting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(max_length=1000)] = None


class ListQuery(PageQuery):
    """The parameters of a list of records."""

    sort: Annotated[str | None, Field(max_length=100, description="a field, with - before it for descending")] = None
    updated_since: Instant | None = None


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=255)]
LongText = Annotated[str, StringConstraints(max_length=50_000)]
