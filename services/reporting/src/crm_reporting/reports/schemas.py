"""What requests for reports and their answers look like."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_shared.http.ids import CanonicalIds
from crm_shared.money import CurrencyCode
from crm_shared.time_zones import TimeZone

MAX_OWNERS = 200


class ReportQuery(CanonicalIds):
    """The parameters of every report. A report's own are added by inheriting."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pipeline_id: Annotated[UUID | None, Field(description="default: the default pipeline")] = None
    owner_id: list[UUID] = Field(default=[], max_length=MAX_OWNERS, description="repeatable; default: all you see")
    currency: Annotated[CurrencyCode | None, Field(description="default: the tenant's base currency")] = None
    time_zone: Annotated[TimeZone | None, Field(description="IANA name; default: the tenant's")] = None


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
    as_of: datetime
    currency: str
    items: list[PipelineReportItem]
    missing_rates: Annotated[
        list[str], Field(description="currencies without a rate on a day that was needed; total and weighted lack them")
    ]
