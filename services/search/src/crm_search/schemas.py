"""What requests to search look like, and what it answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from crm_shared.http.ids import CanonicalIds
from crm_shared.time_window import InstantOrDay, begin_of, end_of


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


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    Field(description="of a long text the first words are looked for"),
]
Position = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class SearchQuery(CanonicalIds):
    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text
    type: Annotated[list[RecordType], BeforeValidator(_split_commas)] = Field(default=[], max_length=20)
    owner_id: Annotated[UUID | None, Field(description="of a contact, company or deal; of an activity its user")] = None
    from_: Annotated[InstantOrDay | None, Field(alias="from", description="changed at or after this")] = None
    to: Annotated[InstantOrDay | None, Field(description="changed at or before this; a day counts whole, in UTC")] = (
        None
    )
    after: list[Position] = Field(
        default=[], max_length=50, description="Crm-Position of writes that the answer is to hold"
    )
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Field(max_length=1000)] = None

    @property
    def changed_from(self) -> datetime | None:
        return None if self.from_ is None else begin_of(self.from_, "UTC")

    @property
    def changed_until(self) -> datetime | None:
        return None if self.to is None else end_of(self.to, "UTC")


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
