"""What requests about activities look like. Answers are the contract's own states."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from crm_activities.activities.commands import EditActivity, LogActivity
from crm_activities.activities.domain import ActivityType, Direction
from crm_shared.access import Caller
from crm_shared.contracts.states import ActivityState
from crm_shared.http.models import Instant, ListQuery, LongText, PageQuery, RequestBody, ShortText

Subject = Annotated[str, StringConstraints(max_length=1000)]
"""An e-mail's subject may be empty, and longer than a name."""

DurationS = Annotated[int, Field(ge=0, le=2**31 - 1, description="seconds; CALL and MEETING only")]
Types = Annotated[tuple[ActivityType, ...], Field(max_length=20, description="may be repeated")]
UNNAMED = datetime(1, 1, 1, tzinfo=UTC)


class LogActivityRequest(RequestBody):
    """Without `user_id` it is the caller's; a `deal_id` without `contact_id` brings the deal's contact."""

    type: ActivityType
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    user_id: UUID | None = None
    subject: Subject | None = None
    body: LongText | None = None
    scheduled_at: Instant | None = Field(default=None, description="TASK and MEETING only")
    completed_at: Instant | None = Field(default=None, description="TASK and MEETING only")
    occurred_at: Instant | None = Field(default=None, description="its place in timelines; default now")
    direction: Direction | None = Field(default=None, description="EMAIL and CALL only")
    in_reply_to: UUID | None = None
    duration_s: DurationS | None = None
    external_id: ShortText | None = None

    def to_command(self, caller: Caller) -> LogActivity:
        return LogActivity(caller=caller, **{name: getattr(self, name) for name in LogActivityRequest.model_fields})


class EditActivityRequest(RequestBody):
    """Fields that are left out stay as they are; null clears one that may be empty.

    A new `deal_id` brings the deal's contact, unless `contact_id` is named beside it.
    """

    type: ActivityType = Field(default=ActivityType.NOTE)
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    user_id: UUID = Field(default=UUID(int=0))
    subject: Subject | None = None
    body: LongText | None = None
    scheduled_at: Instant | None = None
    completed_at: Instant | None = None
    occurred_at: Instant = Field(default=UNNAMED)
    direction: Direction | None = None
    in_reply_to: UUID | None = None
    duration_s: DurationS | None = None
    external_id: ShortText | None = None

    def to_command(
        self, activity_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None
    ) -> EditActivity:
        return EditActivity(caller, activity_id, self.given(), expected_version)


class ActivityList(ListQuery):
    type: Types = ()
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    user_id: UUID | None = None
    in_reply_to: UUID | None = None
    direction: Direction | None = None
    external_id: ShortText | None = None


class TimelineQuery(PageQuery):
    """`from` and `to` are instants, both included."""

    type: Types = ()
    from_at: Instant | None = Field(default=None, alias="from")
    to_at: Instant | None = Field(default=None, alias="to")


class ActivityPage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[ActivityState]
    next_cursor: str | None
