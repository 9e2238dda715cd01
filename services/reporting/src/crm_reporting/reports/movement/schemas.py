"""What the movement report and the list of its deals are asked with, and what they answer."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_reporting.reports.movement.buckets import Bucket
from crm_reporting.reports.schemas import AsOf, MissingRates, ReportQuery
from crm_shared.http.models import Instant, PageQuery

Money = Annotated[Decimal, Field(description="in the report's currency")]


class MovementQuery(ReportQuery):
    from_: Annotated[Instant | None, Field(alias="from", description="default: 7 days before `to`")] = None
    to: Annotated[Instant | None, Field(description="default: now; not later")] = None


class MovementDealsQuery(MovementQuery, PageQuery):
    bucket: Bucket


class OpenPipeline(BaseModel):
    """The open deals of one moment, at its rates and its stages' probabilities."""

    deal_count: int
    amount: Money
    weighted: Annotated[Decimal, Field(description="amount x win probability / 100")]


class MovementItem(BaseModel):
    bucket: Bucket
    deal_count: Annotated[int, Field(description="deals with a part in the bucket")]
    amount: Annotated[Decimal, Field(description="signed: start + all buckets = end")]


class MovementReport(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)

    pipeline_id: UUID
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    currency: str
    start: OpenPipeline
    items: list[MovementItem]
    end: OpenPipeline
    missing_rates: MissingRates
    as_of: AsOf


class DealThen(BaseModel):
    """What a deal was at one of the two moments."""

    stage_id: UUID
    status: Literal["OPEN", "WON", "LOST"]
    amount: Decimal | None
    currency: str


class MovedDeal(BaseModel):
    deal_id: UUID
    name: Annotated[str | None, Field(description="as it is now; null until the deal is told of again")]
    owner_id: Annotated[UUID | None, Field(description="as it is now")]
    amount: Annotated[Decimal, Field(description="the deal's part, rounded by itself: sums may differ by cents")]
    before: Annotated[DealThen | None, Field(description="at `from`; null where there was no such deal")]
    after: Annotated[DealThen | None, Field(description="at `to`; null where there was no such deal")]


class MovedDealPage(BaseModel):
    model_config = ConfigDict(serialize_by_alias=True)

    pipeline_id: UUID
    from_: Annotated[datetime, Field(alias="from")]
    to: datetime
    currency: str
    bucket: Bucket
    items: list[MovedDeal]
    next_cursor: str | None
    missing_rates: MissingRates
    as_of: AsOf
