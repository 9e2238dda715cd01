"""Request and response models of duplicates."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from crm_contacts.duplicates.commands import DismissCandidate, MergeCandidate
from crm_contacts.duplicates.domain import Band, Status
from crm_contacts.merges.field_choices import to_choices
from crm_contacts.merges.schemas import GivenChoices
from crm_shared.access import Caller
from crm_shared.contracts.states import ContactState
from crm_shared.http.models import PageQuery, RequestBody


class DuplicateList(PageQuery):
    band: Band | None = None
    status: Status = Status.OPEN


class Reason(BaseModel):
    """What one field said. `weight` in bits: +1 doubles the odds that the two are one person, -1 halves them."""

    model_config = ConfigDict(frozen=True)

    field: str
    comparison: str
    weight: float
    learnt_from: Annotated[
        int | None, Field(description="the tenant's own sure pairs behind the weight; absent: an assumed figure")
    ] = None


class Duplicate(BaseModel):
    """Two contacts that may be one person."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    contacts: Annotated[list[ContactState], Field(min_length=2, max_length=2)]
    score: Annotated[float, Field(ge=0, le=1, description="probability that both are one person")]
    band: Band
    status: Status
    reasons: list[Reason]
    found_at: AwareDatetime


class DuplicateOfContact(Duplicate):
    contact: Annotated[ContactState, Field(description="the one that is not asked about")]


class DuplicatePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[Duplicate]
    next_cursor: str | None


class DuplicateOfContactPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[DuplicateOfContact]
    next_cursor: str | None


class MergeDuplicateRequest(RequestBody):
    """Which of the two survives, the one that is longer there unless named, and whose fields it is to have."""

    survivor_id: UUID | None = None
    choices: GivenChoices = Field(default={})

    def to_command(
        self, candidate_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> MergeCandidate:
        return MergeCandidate(caller, candidate_id, self.survivor_id, to_choices(self.choices), expected_version)


class DismissDuplicateRequest(RequestBody):
    """Nothing is to be said; a body may be left out."""

    def to_command(self, candidate_id: UUID, *, caller: Caller) -> DismissCandidate:
        return DismissCandidate(caller, candidate_id)
