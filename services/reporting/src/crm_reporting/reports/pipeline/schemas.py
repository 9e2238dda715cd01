"""What the pipeline report is asked with, and what it answers."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, MissingRates

Days = Annotated[float | None, Field(description="null without deals")]


class PipelineReportItem(BaseModel):
    stage_id: UUID
    stage_name: str
    kind: Literal["OPEN", "WON", "LOST"]
    deal_count: int
    total: Annotated[Decimal | None, Field(description="null where a sum is broken")]
    weighted: Annotated[Decimal | None, Field(description="total x win probability / 100; null where a sum is broken")]
    average_age_days: Annotated[Days, Field(description="since creation, of closed deals too; null without deals")]
    average_days_in_stage: Days


class PipelineReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    currency: str
    items: list[PipelineReportItem]
    missing_rates: MissingRates
