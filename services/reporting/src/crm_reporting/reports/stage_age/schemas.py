"""What the report on stages' ages is asked with, and what it answers."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, ReportQuery


class StageAgeQuery(ReportQuery):
    pass


class Stays(BaseModel):
    """How long deals stayed in a stage. The days are null without any."""

    count: int
    average_days: float | None
    median_days: float | None
    p90_days: Annotated[float | None, Field(description="90th percentile, interpolated")]


class StageAge(BaseModel):
    stage_id: UUID
    stage_name: str
    open: Annotated[Stays, Field(description="open deals that are in the stage, since they entered it")]
    left: Annotated[Stays, Field(description="stays that ended: a deal that came twice and left twice has two")]


class StageAgeReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    items: list[StageAge]
