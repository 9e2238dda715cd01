"""What the forecast is asked with, and what it answers."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, AsOfQuery, MissingRates, WindowQuery

Money = Annotated[Decimal | None, Field(description="null where a sum is broken")]


class ForecastQuery(AsOfQuery, WindowQuery):
    """By default the month of the moment asked about and the eleven that follow."""


class ForecastItem(BaseModel):
    month: Annotated[str, Field(examples=["2026-11"])]
    committed: Annotated[Money, Field(description="won deals, by the day of closing")]
    weighted: Annotated[Money, Field(description="open deals: amount x win probability / 100, by close date")]
    open: Annotated[Money, Field(description="open deals, unweighted")]
    total: Annotated[Money, Field(description="committed + weighted, as printed")]
    deal_count: Annotated[int, Field(description="won and open deals")]


class ForecastReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    currency: str
    items: Annotated[list[ForecastItem], Field(description="months that hold a deal, in order")]
    missing_rates: MissingRates
