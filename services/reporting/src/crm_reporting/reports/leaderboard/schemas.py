"""What the leaderboard is asked with, and what it answers."""

from datetime import date
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, MissingRates, WindowQuery


class LeaderboardQuery(WindowQuery):
    """Without `from`, from the first day of the month of `to`; without `to`, to the last day of this month."""


class LeaderboardItem(BaseModel):
    owner_id: UUID
    owner_name: Annotated[str | None, Field(description="null: not heard of yet")]
    won_count: int
    won_amount: Annotated[Decimal | None, Field(description="null where a sum is broken")]


class LeaderboardReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    from_: Annotated[date, Field(alias="from")]
    to: date
    currency: str
    items: Annotated[list[LeaderboardItem], Field(description="best first: by amount, then count, then name")]
    missing_rates: MissingRates
