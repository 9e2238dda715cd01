"""What the activity metrics are asked with, and what they answer."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, WindowQuery


class ActivityMetricsQuery(WindowQuery):
    """`owner_id` names reps. Without `pipeline_id` all activities count, of a deal or of none."""


class RepDay(BaseModel):
    """What one rep did on one day. Notes of the system and automatic mail are not counted."""

    date: Annotated[date, Field(description="in the report's time zone")]
    user_id: UUID
    calls: int
    emails: Annotated[int, Field(description="of both directions")]
    meetings: int
    notes: int
    tasks_done: Annotated[int, Field(description="by completed_at")]


class RepResponses(BaseModel):
    """How the e-mails that one rep sent in the window were answered."""

    user_id: UUID
    emails_sent: int
    responses: Annotated[
        int,
        Field(description="of these, answered: by a reply that names it, or by any of its contacts within 7 days"),
    ]
    email_response_rate: Annotated[float | None, Field(description="responses / emails_sent; null without any sent")]
    median_response_s: Annotated[float | None, Field(description="null without a response")]


class ActivityMetrics(BaseModel):
    as_of: AsOf
    items: Annotated[list[RepDay], Field(description="by day and rep; days on which a rep did nothing are left out")]
    users: Annotated[list[RepResponses], Field(description="every rep of the items")]
