"""What requests about exchange rates and their answers look like."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.exchange_rates.commands import SetExchangeRate
from crm_shared.access import Caller
from crm_shared.http.models import Day, PageQuery, RequestBody
from crm_shared.money import CurrencyCode, DecimalNumber

Rate = Annotated[
    DecimalNumber,
    Field(gt=0, max_digits=24, decimal_places=12, examples=["0.9215"], description="base units for 1 unit"),
]


class SetExchangeRateRequest(RequestBody):
    currency: CurrencyCode
    effective_on: Day
    rate: Rate

    def to_command(self, caller: Caller) -> SetExchangeRate:
        return SetExchangeRate(caller, self.currency, self.effective_on, self.rate)


class ExchangeRate(BaseModel):
    id: UUID
    version: int
    currency: str
    base_currency: str
    effective_on: date
    rate: Annotated[Decimal, Field(description="base units for 1 unit of the currency")]
    created_at: datetime
    updated_at: datetime


class ExchangeRateList(PageQuery):
    """Rates to every base currency that the tenant has had, unless one is named."""

    currency: CurrencyCode | None = None
    base_currency: CurrencyCode | None = None
    sort: Annotated[str | None, Field(max_length=100)] = None


class ExchangeRatePage(BaseModel):
    items: list[ExchangeRate]
    next_cursor: str | None
