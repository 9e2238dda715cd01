"""What the response times are asked with, and what they answer."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, WindowQuery


class ResponseTimesQuery(WindowQuery):
    """`owner_id` names reps. Without `pipeline_id` all e-mails count, of a deal or of none."""


class RepResponseTimes(BaseModel):
    """How soon one rep's customers were answered. Automatic mail is neither message nor reply."""

    user_id: Annotated[UUID, Field(description="whom the customer wrote to")]
    answered: Annotated[
        int, Field(description="blocks whose first message falls in the window: messages that one reply answered")
    ]
    median_s: Annotated[float | None, Field(description="from a block's first message to its reply; null without any")]
    p90_s: Annotated[float | None, Field(description="90th percentile, interpolated; null without any")]
    unanswered: Annotated[int, Field(description="messages without a reply now, whatever the window")]
    oldest_unanswered_at: datetime | None


class ResponseTimes(BaseModel):
    as_of: AsOf
    items: Annotated[list[RepResponseTimes], Field(description="by rep; who has neither is left out")]
