"""What the win-rate report is asked with, and what it answers."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, MissingRates, WindowQuery

GroupBy = Literal["owner", "month", "source", "lost_reason"]


class WinRateQuery(WindowQuery):
    """Without `from`, the 30 days that end with `to`; without `to`, today."""

    group_by: Annotated[GroupBy, Field(description="lost_reason counts lost deals alone")] = "owner"


class WinRateItem(BaseModel):
    group: Annotated[
        str | None,
        Field(description="the owner's id, 2026-11, the contact's source, the reason; null: without one"),
    ]
    owner_name: Annotated[str | None, Field(description="by owner only; null: not heard of yet")] = None
    won: int
    lost: int
    rate: Annotated[float | None, Field(description="won / (won + lost), to 4 places")]
    average_won: Annotated[
        Decimal | None, Field(description="amount of a won deal; null without any whose money can be converted")
    ]
    median_cycle_days: Annotated[float | None, Field(description="of won deals, from creation to closing")]


class WinRateReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    from_: Annotated[date, Field(alias="from")]
    to: date
    group_by: GroupBy
    currency: str
    items: list[WinRateItem]
    left_out: Annotated[int, Field(description="lost deals whose reasons are not among the 1,000 most frequent")]
    missing_rates: MissingRates
