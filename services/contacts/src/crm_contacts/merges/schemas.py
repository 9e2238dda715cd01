"""What requests about merges and their answers look like."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool

from crm_contacts.merges.commands import MergeContacts
from crm_contacts.merges.domain import Choice
from crm_contacts.merges.field_choices import to_choices
from crm_shared.access import Caller
from crm_shared.contracts.states import ContactState
from crm_shared.http.models import Instant, PageQuery, RequestBody

MAX_CHOICES = 1_000

GivenChoices = Annotated[
    dict[str, Choice],
    Field(
        max_length=MAX_CHOICES,
        description="by field: whose value it is to have; a custom field is `cf_<key>` or `custom_data.<key>`",
        examples=[{"email": "other", "cf_region": "this"}],
    ),
]


class MergeRequest(RequestBody):
    """The contact of the path survives. Fields not chosen are its own, or the other's where it has none."""

    other_id: UUID
    choices: GivenChoices = Field(default={})
    dry_run: StrictBool = Field(default=False, description="show what would come of it, write nothing")

    def to_command(
        self, contact_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> MergeContacts:
        choices = to_choices(self.choices)
        return MergeContacts(caller, contact_id, self.other_id, choices, self.dry_run, expected_version)


class MergeAnswer(BaseModel):
    """The surviving contact. `merge_id` is null after a dry run."""

    merge_id: UUID | None
    contact: ContactState


class UndoAnswer(BaseModel):
    """Both contacts, each with what it had: `contact` the one that had survived, `other` the one that is back."""

    merge_id: UUID
    contact: ContactState
    other: Annotated[
        ContactState | None, Field(description="null: the system had merged them, and it is out of your sight again")
    ]


class MergeState(BaseModel):
    """A merge that was done, and perhaps undone."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    survivor_id: UUID
    other_id: UUID
    choices: dict[str, Choice]
    merged_at: AwareDatetime
    merged_by: Annotated[UUID | None, Field(description="null: the system, by itself")]
    undone_at: AwareDatetime | None
    undone_by: UUID | None


class MergeList(PageQuery):
    updated_since: Annotated[Instant | None, Field(description="merges done or undone at this time or later")] = None
    contact_id: Annotated[UUID | None, Field(description="merges in which this contact was one of the two")] = None


class MergePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[MergeState]
    next_cursor: str | None
