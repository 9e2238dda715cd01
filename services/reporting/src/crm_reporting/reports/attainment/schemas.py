"""What the attainment report is asked with, and what it answers."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.months import LastMonth, Month
from crm_reporting.reports.schemas import AsOf, MissingRates, WindowQuery

MonthText = Annotated[str, Field(examples=["2026-11"])]


class AttainmentQuery(WindowQuery):
    """Without either month, the present one; one that is named alone makes a window with it."""

    from_: Annotated[Month | None, Field(alias="from", description="the first month")] = None
    to: Annotated[LastMonth | None, Field(description="the last month")] = None


class Attainment(BaseModel):
    quota: Annotated[Decimal, Field(description="0 without any")]
    won: Annotated[Decimal, Field(description="closed in the period, for the owner at the closing")]
    attainment: Annotated[float | None, Field(description="won / quota, to 4 places; null without a quota")]
    open: Annotated[Decimal, Field(description="open deals whose close_date lies in the period, unweighted")]
    coverage: Annotated[
        float | None,
        Field(description="open / (quota - won), to 4 places; null without a quota, and once it is reached"),
    ]
    reasons: Annotated[
        dict[Literal["attainment", "coverage"], str], Field(description="why a figure is null; empty where none is")
    ]


class AttainmentItem(Attainment):
    user_id: UUID
    user_name: Annotated[str | None, Field(description="null: not heard of yet")]


class AttainmentReport(BaseModel):
    pipeline_id: UUID
    as_of: AsOf
    from_: Annotated[MonthText, Field(alias="from")]
    to: MonthText
    currency: str
    items: Annotated[list[AttainmentItem], Field(description="best first: by attainment, then what was won, then name")]
    total: Annotated[Attainment, Field(description="the sums of the rows, and what they come to")]
    missing_rates: MissingRates
