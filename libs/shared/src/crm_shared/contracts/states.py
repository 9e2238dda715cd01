"""The whole state of each aggregate, as events carry it and as GET of that record answers it.

Readers ignore fields they do not know and fill in what older events lack; the published schemas say what is sent,
so there every field of the first release is required.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal
from uuid import UUID

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    WithJsonSchema,
)

from crm_shared.contracts.published_fields import RoleName, added_in
from crm_shared.time_window import END, FIRST_DAY, FIRST_INSTANT, LAST_DAY

ManagerScope = Literal["DIRECT", "SUBTREE"]
SharePermission = Literal["READ", "WRITE"]
ContactSource = Literal["INBOUND", "OUTBOUND", "REFERRAL"]
StageKind = Literal["OPEN", "WON", "LOST"]
DealStatus = Literal["OPEN", "WON", "LOST"]
ActivityType = Literal["EMAIL", "CALL", "MEETING", "NOTE", "TASK"]
Direction = Literal["INBOUND", "OUTBOUND"]
CallOutcome = Literal["CONNECTED", "NO_ANSWER", "VOICEMAIL", "BUSY", "WRONG_NUMBER"]
TaskPriority = Literal["LOW", "NORMAL", "HIGH"]

# Compared where pydantic reads them: a function of ours would cost a tenth of reading a whole state, for each.
Instant = Annotated[AwareDatetime, Field(ge=FIRST_INSTANT, lt=END)]
Day = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217 code")]
Region = Annotated[str, StringConstraints(pattern="^[A-Z]{2}$"), Field(description="ISO 3166-1 alpha-2 code")]
Amount = Annotated[Decimal, WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?$"})]
CustomData = Annotated[dict[str, JsonValue], Field(description="custom fields by key")]
WinProbability = Annotated[int, Field(ge=0, le=100, description="whole percent")]


class Value(BaseModel):
    """A part of a state; unknown fields are ignored, so that a reader outlives a field added after it."""

    model_config = ConfigDict(extra="ignore", frozen=True, json_schema_serialization_defaults_required=True)


class State(Value):
    """What every record carries.

    `version` rises by exactly one with each event, but after a restoration (`restored_from` of snapshots).
    """

    aggregate: ClassVar[str]

    id: UUID
    version: Annotated[int, Field(ge=1)]
    created_at: Instant
    updated_at: Instant


class TenantState(State):
    aggregate: ClassVar[str] = "tenant"

    name: str
    base_currency: Currency
    time_zone: Annotated[str, Field(description="IANA name")]
    manager_scope: ManagerScope = "DIRECT"
    auto_merge: bool = True
    default_region: Region = "US"


class UserState(State):
    aggregate: ClassVar[str] = "user"

    email: str
    full_name: str
    role: RoleName
    manager_id: UUID | None = None
    active: bool = True
    time_zone: Annotated[str | None, Field(description="IANA name; null means the tenant's")] = None
    successor_id: Annotated[
        UUID | None, added_in("0.2"), Field(description="who takes over the records of a user who was deactivated")
    ] = None


class CompanyState(State):
    aggregate: ClassVar[str] = "company"

    name: str
    domain: str | None = None
    industry: str | None = None
    size: Annotated[str | None, Field(description="number of employees or a range of it, as given")] = None
    website: str | None = None
    owner_id: UUID | None = None
    tags: list[str] = []
    custom_data: CustomData = {}
    deleted_at: Instant | None = None


class Share(Value):
    """One colleague's right to a contact that is not theirs."""

    user_id: UUID
    permission: SharePermission
    created_at: Annotated[Instant | None, added_in("0.2"), Field(description="when it was first shared")] = None
    created_by: Annotated[UUID | None, added_in("0.2"), Field(description="who shared it; null: the system")] = None


class ContactState(State):
    aggregate: ClassVar[str] = "contact"

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: Annotated[str | None, Field(description="as given")] = None
    phone_e164: Annotated[str | None, Field(description="E.164, null when the given phone has no such form")] = None
    company_id: UUID | None = None
    job_title: str | None = None
    source: ContactSource | None = None
    owner_id: UUID | None = None
    tags: list[str] = []
    custom_data: CustomData = {}
    external_id: str | None = None
    shares: Annotated[list[Share], Field(description="every share that holds now")] = []
    merged_into: Annotated[UUID | None, Field(description="the surviving contact, while merged")] = None
    deleted_at: Instant | None = None
    erased_at: Annotated[
        Instant | None, added_in("0.2"), Field(description="since then nothing personal is left in the record")
    ] = None


class Stage(Value):
    """One step of a pipeline; `position` counts from 0 in the pipeline's order."""

    id: UUID
    name: str
    win_probability: WinProbability
    kind: StageKind
    rotting_days: Annotated[int | None, Field(ge=1)] = None
    position: Annotated[int, Field(ge=0)]


class PipelineState(State):
    aggregate: ClassVar[str] = "pipeline"

    name: str
    is_default: bool = False
    archived: bool = False
    stages: Annotated[list[Stage], Field(description="in the pipeline's order")]


class DealState(State):
    aggregate: ClassVar[str] = "deal"

    name: str
    contact_id: UUID | None = None
    original_contact_id: Annotated[UUID | None, Field(description="the contact before a merge moved the deal")] = None
    company_id: UUID | None = None
    owner_id: UUID | None = None
    pipeline_id: UUID
    stage_id: UUID
    amount: Annotated[Amount | None, Field(description="decimal string; null counts as 0")] = None
    currency: Currency
    close_date: Day | None = None
    status: DealStatus
    stage_changed_at: Instant
    closed_at: Instant | None = None
    lost_reason: str | None = None
    description: str | None = None
    custom_data: CustomData = {}
    external_id: str | None = None
    deleted_at: Instant | None = None


class WebhookState(State):
    aggregate: ClassVar[str] = "webhook"

    url: Annotated[str, Field(description="scheme and host: the path may be a key")]
    event_types: list[str]
    active: bool
    disabled_at: Instant | None = None
    disabled_reason: Annotated[str | None, Field(description="why the suite switched it off")] = None
    previous_secret_until: Annotated[Instant | None, Field(description="until then two secrets sign")] = None


class Attachment(Value):
    """A file that hangs on an activity. It lies elsewhere, at `url`."""

    name: str
    url: str
    media_type: str | None = None
    size_bytes: Annotated[int | None, Field(ge=0)] = None


class Recurrence(Value):
    """When a series comes again: a rule of RFC 5545, read by the clocks of a time zone."""

    rrule: Annotated[str, Field(description="RRULE of RFC 5545, without its name")]
    time_zone: Annotated[str, Field(description="IANA name")]


class ActivityState(State):
    aggregate: ClassVar[str] = "activity"

    type: ActivityType
    contact_id: UUID | None = None
    original_contact_id: Annotated[UUID | None, Field(description="the contact before a merge moved it")] = None
    deal_id: UUID | None = None
    user_id: UUID | None = None
    subject: str | None = None
    body: str | None = None
    scheduled_at: Instant | None = None
    completed_at: Instant | None = None
    occurred_at: Instant
    direction: Direction | None = None
    in_reply_to: Annotated[UUID | None, Field(description="the activity that this one answers")] = None
    duration_s: Annotated[int | None, Field(ge=0)] = None
    external_id: str | None = None
    system: Annotated[bool, Field(description="written by the suite itself, such as the note of a move")] = False
    deleted_at: Instant | None = None
    erased_at: Annotated[
        Instant | None, added_in("0.2"), Field(description="its contact was erased, and its texts with them")
    ] = None
    contact_ids: Annotated[
        list[UUID], added_in("0.2"), Field(description="all its contacts; the first is contact_id")
    ] = []
    original_contact_ids: Annotated[
        list[UUID], added_in("0.2"), Field(description="the contacts as given, if merges have moved one; else empty")
    ] = []
    scheduled_on: Annotated[
        Day | None, added_in("0.2"), Field(description="a day without a time, instead of scheduled_at")
    ] = None
    remind_at: Annotated[Instant | None, added_in("0.2")] = None
    reminded_at: Annotated[
        Instant | None, added_in("0.2"), Field(description="when the reminder was told, or made too late to be")
    ] = None
    outcome: Annotated[CallOutcome | None, added_in("0.2"), Field(description="CALL only")] = None
    location: Annotated[str | None, added_in("0.2"), Field(description="MEETING only")] = None
    priority: Annotated[TaskPriority | None, added_in("0.2"), Field(description="TASK only")] = None
    message_id: Annotated[str | None, added_in("0.2"), Field(description="of an EMAIL: its Message-ID")] = None
    reference_ids: Annotated[
        list[str], added_in("0.2"), Field(description="of an EMAIL: the Message-IDs it refers to, oldest first")
    ] = []
    is_automatic: Annotated[bool, added_in("0.2"), Field(description="of an EMAIL: no person wrote it")] = False
    thread_id: Annotated[
        UUID | None, added_in("0.2"), Field(description="of an EMAIL: the activity that its conversation began with")
    ] = None
    attachments: Annotated[list[Attachment], added_in("0.2")] = []
    recurrence: Annotated[Recurrence | None, added_in("0.2"), Field(description="TASK and MEETING only")] = None
    series_id: Annotated[UUID | None, added_in("0.2"), Field(description="shared by a series' instances")] = None
    recurrence_id: Annotated[
        str | None, added_in("0.2"), Field(description="of an instance: its original start in UTC, or its day")
    ] = None
    system_kind: Annotated[
        str | None, added_in("0.2"), Field(description="of a note of the system: what it tells of, such as deal_moved")
    ] = None
    facts: Annotated[
        dict[str, JsonValue] | None, added_in("0.2"), Field(description="of a note of the system: what it tells")
    ] = None


class NamedStage(Value):
    """A stage as it was called at the time."""

    id: UUID
    name: str


class StageEntry(Value):
    """One step of a deal's history: the event that brought it into `to_stage`, oldest first, the creation included."""

    version: Annotated[int, Field(ge=1, description="the deal's version that the move made")]
    from_stage: Annotated[NamedStage | None, Field(description="null at the creation")] = None
    to_stage: NamedStage
    changed_at: Instant
    changed_by: UUID | None = None


STATE_MODELS: Final[dict[str, type[State]]] = {
    model.aggregate: model
    for model in (
        *(TenantState, UserState, CompanyState, ContactState),
        *(PipelineState, DealState, WebhookState, ActivityState),
    )
}
