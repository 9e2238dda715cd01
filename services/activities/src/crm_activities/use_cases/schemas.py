"""What requests about activities look like. Answers are the contract's own states."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from crm_activities.activities.activity import ActivityType, CallOutcome, Direction, NewActivity, TaskPriority
from crm_activities.activities.contacts import MOST_CONTACTS
from crm_activities.series.schemas import RecurrenceBody, Scope
from crm_activities.threads.domain import MOST_REFERENCES
from crm_activities.threads.message_ids import require_message_id
from crm_activities.use_cases.attachments import Attachments, to_files
from crm_activities.use_cases.commands import EditActivity, LogActivity
from crm_shared.access import Caller
from crm_shared.contracts.states import ActivityState
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.models import Day, Instant, LineText, ListQuery, LongText, PageQuery, RequestBody, ShortText
from crm_shared.time_window import FIRST_INSTANT, InstantOrDay, is_day

Subject = Annotated[LineText, StringConstraints(max_length=1000)]
"""An e-mail's subject may be empty, and longer than a name."""

Location = Annotated[LineText, StringConstraints(min_length=1, max_length=1000)]
MessageId = Annotated[LineText, StringConstraints(min_length=1, max_length=998), AfterValidator(require_message_id)]
"""As long as a line of an e-mail may be (RFC 5322, 2.1.1)."""

ContactIds = Annotated[
    tuple[UUID, ...],
    Field(
        max_length=MOST_CONTACTS,
        description=f"all its contacts; contact_id, if named too, is put first: {MOST_CONTACTS} with it",
    ),
]
ReferenceIds = Annotated[tuple[MessageId, ...], Field(max_length=MOST_REFERENCES)]

MOST_DURATION_S = 2**31 - 1
DurationS = Annotated[int, Field(ge=0, le=MOST_DURATION_S, strict=True, description="seconds; CALL and MEETING only")]
Types = Annotated[tuple[ActivityType, ...], Field(max_length=20, description="may be repeated")]


class ActivityFields(RequestBody):
    """What is said alike of an activity to be and of a change."""

    deal_id: UUID | None = None
    subject: Subject | None = None
    body: LongText | None = None
    in_reply_to: UUID | None = None
    duration_s: DurationS | None = None
    external_id: ShortText | None = None
    scheduled_on: Day | None = Field(default=None, description="a day without a time, instead of scheduled_at")
    remind_at: Instant | None = None
    outcome: CallOutcome | None = Field(default=None, description="CALL only")
    location: Location | None = Field(default=None, description="MEETING only")
    priority: TaskPriority | None = Field(default=None, description="TASK only")
    message_id: MessageId | None = Field(default=None, description="EMAIL only: its Message-ID")
    reference_ids: ReferenceIds = Field(default=(), description="EMAIL only: Message-IDs it refers to, oldest first")
    is_automatic: StrictBool = Field(default=False, description="EMAIL only: no person wrote it")
    attachments: Attachments = ()


class LogActivityRequest(ActivityFields):
    """Without `user_id` it is the caller's; a `deal_id` without `contact_id` brings the deal's contact."""

    type: ActivityType
    contact_id: UUID | None = Field(default=None, description="the first of contact_ids")
    contact_ids: ContactIds = ()
    user_id: UUID | None = None
    scheduled_at: Instant | None = Field(default=None, description="TASK and MEETING only")
    completed_at: Instant | None = Field(default=None, description="TASK and MEETING only")
    occurred_at: Instant | None = Field(default=None, description="its place in timelines; default now")
    direction: Direction | None = Field(default=None, description="EMAIL and CALL only")
    recurrence: RecurrenceBody | None = Field(default=None, description="TASK and MEETING with a start only")

    def to_command(self, caller: Caller) -> LogActivity:
        return LogActivity(caller, NewActivity(**self.read_fields()))

    def read_fields(self) -> dict[str, Any]:
        """Return all fields, those that were left out included, as the record has them."""
        recurrence = self.recurrence and self.recurrence.model_dump()
        return {**vars(self), "attachments": to_files(self.attachments), "recurrence": recurrence}


class EditActivityRequest(ActivityFields):
    """Fields that are left out stay as they are; null clears one that may be empty.

    A new `deal_id` brings the deal's contact, unless contacts are named beside it: in the place of a single contact,
    before several.
    """

    type: ActivityType = Field(default=ActivityType.NOTE)
    contact_id: UUID | None = Field(
        default=None, description="the first of contact_ids: named alone it takes that one's place, null leaves none"
    )
    contact_ids: ContactIds | None = None
    user_id: UUID = Field(default=UUID(int=0))
    scheduled_at: Instant | None = None
    completed_at: Instant | None = None
    occurred_at: Instant = Field(default=FIRST_INSTANT)
    direction: Direction | None = None
    recurrence: RecurrenceBody | None = Field(default=None, description="changes with ?scope=future alone")

    def to_command(
        self,
        activity_id: UUID,
        *,
        caller: Caller,
        expected_version: tuple[int, ...] | None,
        scope: Scope = Scope.THIS,
    ) -> EditActivity:
        return EditActivity(caller, activity_id, self.to_changes(), expected_version, scope)

    def to_changes(self) -> dict[str, object]:
        """Return the fields that the body named, as the record has them."""
        changes = self.given()
        if "attachments" in changes:
            changes["attachments"] = to_files(self.attachments)
        if self.recurrence is not None:
            changes["recurrence"] = self.recurrence.model_dump()
        return changes


class WithinTimes(BaseModel):
    """`from` and `to` are instants or days of the caller's time zone, both included."""

    from_at: InstantOrDay | None = Field(default=None, alias="from")
    to_at: InstantOrDay | None = Field(default=None, alias="to")

    @property
    def names_a_day(self) -> bool:
        return is_day(self.from_at) or is_day(self.to_at)


@asking_emptiness(but=("completed",))
class ActivityList(WithinTimes, ListQuery):
    type: Types = ()
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    user_id: UUID | None = None
    series_id: UUID | None = None
    in_reply_to: UUID | None = None
    thread_id: UUID | None = Field(default=None, description="the id of any of its e-mails will do")
    direction: Direction | None = None
    completed: bool | None = Field(default=None, description="false: not completed, or never to be")
    external_id: ShortText | None = None


class TimelineQuery(WithinTimes, PageQuery):
    type: Types = ()


class ActivityPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[ActivityState]
    next_cursor: str | None
