"""What requests to search look like, and what it answers."""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


class RecordType(StrEnum):
    CONTACT = "contact"
    COMPANY = "company"
    DEAL = "deal"
    ACTIVITY = "activity"


class NameType(StrEnum):
    CONTACT = "contact"
    COMPANY = "company"


def _split_commas(value: object) -> object:
    """Take `type=contact,company` and `type=contact&type=company` alike."""
    if not isinstance(value, list):
        return value
    return [part.strip() for text in value for part in str(text).split(",")]


def _parse_instant(value: object) -> object:
    """Take an RFC 3339 time or a date; a date stays one, as its beginning or its end may be meant."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(value)
        if instant.tzinfo is None:
            raise ValueError("needs a time zone")
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("takes a time such as 2026-11-22T03:51:54Z or a date such as 2026-11-22") from None


Instant = Annotated[
    datetime | date,
    BeforeValidator(_parse_instant, json_schema_input_type=str),
    Field(examples=["2026-11-22T03:51:54Z", "2026-11-22"]),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Position = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class SearchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text
    type: Annotated[list[RecordType], BeforeValidator(_split_commas), Field(max_length=20)] = []
    owner_id: Annotated[UUID | None, Field(description="of a contact, company or deal; of an activity its user")] = None
    from_: Annotated[Instant | None, Field(alias="from", description="changed at or after this")] = None
    to: Annotated[Instant | None, Field(description="changed at or before this; a date counts whole, in UTC")] = None
    after: Annotated[
        list[Position], Field(max_length=50, description="Crm-Position of writes that the answer is to hold")
    ] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(max_length=1000)] = None

    @property
    def changed_from(self) -> datetime | None:
        return _to_instant(self.from_)

    @property
    def changed_until(self) -> datetime | None:
        if self.to is None or isinstance(self.to, datetime):
            return self.to
        return datetime.combine(self.to, time.max, UTC)


def _to_instant(value: datetime | date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime.combine(value, time.min, UTC)


class SuggestQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text
    type: Annotated[list[NameType], BeforeValidator(_split_commas), Field(max_length=20)] = []
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class Suggestion(BaseModel):
    type: RecordType
    id: UUID
    title: str
    subtitle: str
    snippet: Annotated[str, Field(description="HTML: matching words in <em>, all else escaped")]


class Suggestions(BaseModel):
    items: list[Suggestion]


class Found(Suggestion):
    score: float
    updated_at: datetime
    record: Annotated[dict[str, Any], Field(description="the main fields, such as a deal's stage_name and amount")]


class Facets(BaseModel):
    type: Annotated[dict[RecordType, int], Field(description="what query, filters (but type) and sight leave")]


class SearchPage(BaseModel):
    items: list[Found]
    next_cursor: str | None
    facets: Facets
    caught_up: Annotated[bool, Field(description="where `after` was asked: does the answer hold those writes?")] = True
