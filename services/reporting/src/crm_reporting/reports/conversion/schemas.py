"""What the conversion report is asked with, and what it answers."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, WindowQuery


class ConversionQuery(WindowQuery):
    from_stage: Annotated[UUID | None, Field(description="with `to_stage`: this pair of stages alone")] = None
    to_stage: Annotated[UUID | None, Field(description="with `from_stage`: this pair of stages alone")] = None


class StageConversion(BaseModel):
    from_stage_id: UUID
    to_stage_id: UUID
    entered: Annotated[int, Field(description="deals whose first entry into `from_stage_id` falls in the window")]
    converted: Annotated[int, Field(description="those of them that entered `to_stage_id` at any later time")]
    rate: Annotated[float | None, Field(description="converted / entered; null when none entered")]
    median_days: Annotated[float | None, Field(description="from entry to entry, of the converted; null without any")]
    open: Annotated[int, Field(description="those of them that are neither converted nor closed")]


class PairReport(StageConversion):
    """The answer where both stages are named."""

    pipeline_id: UUID
    as_of: AsOf


class ConversionReport(BaseModel):
    """The answer where no stage is named."""

    pipeline_id: UUID
    as_of: AsOf
    items: Annotated[list[StageConversion], Field(description="each stage with the next in the pipeline's order")]
    matrix: Annotated[list[StageConversion], Field(description="every ordered pair of the pipeline's stages")]
