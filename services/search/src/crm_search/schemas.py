"""What requests to search look like, and what it answers."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from crm_search.passages import Where
from crm_shared.contracts.states import DealStatus
from crm_shared.http.ids import CanonicalIds
from crm_shared.http.models import WholeNumber
from crm_shared.text import to_line
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
    Field(
        description="words, with one typo from 4 letters and two from 8; one with digits in it as it stands."
        " Of a long text the first words are looked for"
    ),
]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64), AfterValidator(to_line)]
Position = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class SearchQuery(CanonicalIds):
    model_config = ConfigDict(extra="forbid", frozen=True)

    q: Text
    type: Annotated[list[RecordType], BeforeValidator(_split_commas)] = Field(default=[], max_length=20)
    owner_id: Annotated[UUID | None, Field(description="of a contact, company or deal; of an activity its user")] = None
    tag: list[Tag] = Field(default=[], max_length=20, description="of a contact or company; of several each")
    stage_id: Annotated[UUID | None, Field(description="of a deal")] = None
    status: Annotated[DealStatus | None, Field(description="of a deal")] = None
    from_: Annotated[InstantOrDay | None, Field(alias="from", description="changed at or after this")] = None
    to: Annotated[InstantOrDay | None, Field(description="changed at or before this; a day counts whole, in UTC")] = (
        None
    )
    after: list[Position] = Field(
        default=[], max_length=50, description="Crm-Position of writes that the answer is to hold"
    )
    limit: Annotated[WholeNumber, Field(ge=1, le=200)] = 50
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
    limit: Annotated[WholeNumber, Field(ge=1, le=50)] = 10


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
    matched: Annotated[list[Where], Field(description="where the words stand that it was found by")]
    updated_at: datetime
    record: Annotated[dict[str, Any], Field(description="the main fields, such as a deal's stage_name and amount")]


class Facets(BaseModel):
    """What query, filters (but `type`) and sight leave: records by each."""

    type: dict[RecordType, int]
    owner_id: Annotated[dict[UUID, int], Field(description="of an activity its user; the 100 that have most")]
    status: Annotated[dict[DealStatus, int], Field(description="of deals")]


class SearchPage(BaseModel):
    items: list[Found]
    next_cursor: str | None
    facets: Annotated[Facets, Field(description="with the first page")]
    caught_up: Annotated[bool, Field(description="where `after` was asked: does the answer hold those writes?")] = True
