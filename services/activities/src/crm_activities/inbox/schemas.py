"""What requests for an inbox look like, and its answer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_activities.inbox.sections import Section
from crm_shared.contracts.states import ActivityState
from crm_shared.http.models import Instant, PageQuery


class InboxQuery(PageQuery):
    """`limit` is per section. A cursor goes on in the one section that it came from, at the same moment."""

    user_id: UUID | None = Field(default=None, description="default the caller")
    at: Instant | None = Field(default=None, description="the moment that divides the sections; default now")
    section: Section | None = Field(default=None, description="this one alone")


class InboxSection(BaseModel):
    model_config = ConfigDict(frozen=True)

    count: Annotated[int, Field(ge=0, description="all tasks of the section, not those of the page alone")]
    items: list[ActivityState]
    next_cursor: str | None


class Inbox(BaseModel):
    """The sections that were asked for."""

    model_config = ConfigDict(frozen=True)

    time_zone: str
    at: datetime
    overdue: InboxSection = Field(default=None)  # type: ignore[assignment]  # left out, not null
    today: InboxSection = Field(default=None)  # type: ignore[assignment]
    upcoming: InboxSection = Field(default=None)  # type: ignore[assignment]
    unscheduled: InboxSection = Field(default=None)  # type: ignore[assignment]
