"""What the velocity report is asked with, and what it answers."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.reports.schemas import AsOf, MissingRates, WindowQuery

GroupBy = Literal["owner", "month"]


class VelocityQuery(WindowQuery):
    """Without `from`, the 30 days that end with `to`; without `to`, today."""

    group_by: Annotated[GroupBy | None, Field(description="default: one row of all")] = None


class VelocityItem(BaseModel):
    group: Annotated[str | None, Field(description="the owner's id, or 2026-11; null: without an owner, or all in one")]
    owner_name: Annotated[str | None, Field(description="by owner only; null: not heard of yet")] = None
    deals: Annotated[int, Field(description="open at the end of the window (of the month), or now if that is to come")]
    win_rate: Annotated[float | None, Field(description="of what closed in it; null where nothing did")]
    average_won: Annotated[Decimal | None, Field(description="amount of a deal won in it; null where nothing was won")]
    average_cycle_days: Annotated[float | None, Field(description="of deals won in it; null where nothing was won")]
    velocity_per_day: Annotated[
        Decimal | None,
        Field(description="deals x win_rate x average_won / average_cycle_days; null where nothing was won"),
    ]


class VelocityReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    from_: Annotated[date, Field(alias="from")]
    to: date
    group_by: GroupBy | None
    currency: str
    items: list[VelocityItem]
    missing_rates: MissingRates
