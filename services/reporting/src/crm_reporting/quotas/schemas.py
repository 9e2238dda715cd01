"""What requests about quotas and their answers look like."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from crm_reporting.months import LastMonth, Month
from crm_reporting.quotas.commands import SetQuota
from crm_shared.access import Caller
from crm_shared.http.models import PageQuery, RequestBody
from crm_shared.money import Amount, CurrencyCode

MAX_USERS = 200


class SetQuotaRequest(RequestBody):
    user_id: Annotated[UUID, Field(description="one who has left will do too")]
    month: Month
    amount: Amount
    currency: Annotated[CurrencyCode | None, Field(description="default: the tenant's base currency")] = None

    def to_command(self, caller: Caller) -> SetQuota:
        return SetQuota(caller, self.user_id, self.month, self.amount, self.currency or caller.base_currency)


class Quota(BaseModel):
    id: UUID
    version: int
    user_id: UUID
    month: Annotated[str, Field(examples=["2026-11"])]
    amount: Decimal
    currency: str
    created_at: datetime
    updated_at: datetime


class QuotaList(PageQuery):
    """`month` names one month; `from` and `to` are the first and the last of several, both included."""

    user_id: list[UUID] = Field(default=[], max_length=MAX_USERS, description="repeatable; default: all you see")
    month: Month | None = None
    from_: Annotated[Month | None, Field(alias="from", description="the first month")] = None
    to: Annotated[LastMonth | None, Field(description="the last month")] = None
    sort: Annotated[str | None, Field(max_length=100)] = None


class QuotaPage(BaseModel):
    items: list[Quota]
    next_cursor: str | None
