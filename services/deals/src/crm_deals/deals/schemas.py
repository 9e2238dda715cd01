"""What requests about deals look like. Answers are the contract's own states."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from crm_deals.deals.commands import CreateDeal, EditDeal, MoveDeal
from crm_deals.deals.domain import DealStatus
from crm_shared.access import Caller
from crm_shared.contracts.states import DealState, NamedStage, Stage
from crm_shared.http.models import Day, Instant, ListQuery, LongText, PageQuery, RequestBody, ShortText
from crm_shared.money import Amount, CurrencyCode


class CreateDealRequest(RequestBody):
    name: ShortText
    contact_id: UUID | None = None
    company_id: UUID | None = None
    owner_id: UUID | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    amount: Amount | None = None
    currency: CurrencyCode | None = None
    close_date: Day | None = None
    description: LongText | None = None
    external_id: ShortText | None = None
    lost_reason: LongText | None = None

    def to_command(self, caller: Caller) -> CreateDeal:
        return CreateDeal(caller=caller, **{name: getattr(self, name) for name in CreateDealRequest.model_fields})


class EditDealRequest(RequestBody):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    name: ShortText = Field(default="")
    contact_id: UUID | None = None
    company_id: UUID | None = None
    owner_id: UUID = Field(default=UUID(int=0))
    amount: Amount | None = None
    currency: CurrencyCode = Field(default="")
    close_date: Day | None = None
    description: LongText | None = None
    external_id: ShortText | None = None
    lost_reason: LongText | None = None

    def to_command(self, deal_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditDeal:
        return EditDeal(caller, deal_id, self.given(), expected_version)


class MoveDealRequest(RequestBody):
    stage_id: UUID
    lost_reason: LongText | None = None
    changed_at: Instant | None = Field(default=None, description="ADMIN, for imports: when the move happened")

    def to_command(self, deal_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> MoveDeal:
        return MoveDeal(caller, deal_id, self.stage_id, self.lost_reason, self.changed_at, expected_version)


class DealList(ListQuery):
    owner_id: UUID | None = None
    contact_id: UUID | None = None
    company_id: UUID | None = None
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    status: DealStatus | None = None
    external_id: ShortText | None = None
    currency: CurrencyCode | None = None


class BoardQuery(PageQuery):
    """`stage_id` with `cursor` reads on in one column."""

    limit: Annotated[int, Field(ge=1, le=200, description="deals per stage")] = 20
    stage_id: UUID | None = None


class Page(BaseModel):
    model_config = ConfigDict(frozen=True)

    next_cursor: str | None


class DealPage(Page):
    items: list[DealState]


class HistoryEntry(BaseModel):
    version: int
    from_stage: NamedStage | None
    to_stage: NamedStage
    changed_at: datetime
    changed_by: UUID | None
    seconds_in_stage: Annotated[int, Field(description="until the next entry, or until now")]


class HistoryPage(Page):
    items: list[HistoryEntry]


class CurrencyTotal(BaseModel):
    currency: str
    count: int
    total: Decimal
    weighted: Annotated[Decimal, Field(description="total x win probability / 100")]


class BoardColumn(BaseModel):
    stage: Stage
    count: int
    totals: list[CurrencyTotal]
    deals: list[DealState]
    next_cursor: str | None


class Board(BaseModel):
    pipeline_id: UUID
    pipeline_name: str
    stages: list[BoardColumn]
