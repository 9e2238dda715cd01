"""What requests about deals look like. Answers are the contract's own states."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from crm_deals.deals.batch import ImportDeal
from crm_deals.deals.commands import CreateDeal, EditDeal, MoveDeal
from crm_deals.deals.domain import DealStatus
from crm_deals.deals.next_steps import NextStep
from crm_shared.access import Caller
from crm_shared.contracts.states import DealState, NamedStage, Stage
from crm_shared.features.batches import BatchItem, Target
from crm_shared.features.batches.requests import MAX_ITEMS
from crm_shared.features.custom_fields.bodies import CustomDataChanges, NewCustomData
from crm_shared.features.custom_fields.listing import CustomFieldQuery
from crm_shared.http.emptiness import asking_emptiness
from crm_shared.http.equality import Equal
from crm_shared.http.models import Day, Instant, LongText, PageQuery, RequestBody, ShortText, WholeNumber
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
    custom_data: NewCustomData = Field(default={})

    def to_command(self, caller: Caller) -> CreateDeal:
        return CreateDeal(caller=caller, **{name: getattr(self, name) for name in CreateDealRequest.model_fields})


class EditDealRequest(RequestBody):
    """Fields that are left out stay as they are; null clears one that may be empty."""

    name: ShortText = Field(default="")
    contact_id: UUID | None = None
    company_id: UUID | None = None
    owner_id: UUID = Field(default=UUID(int=0))
    pipeline_id: UUID = Field(default=UUID(int=0), description="another pipeline, with a stage_id of it")
    stage_id: UUID = Field(default=UUID(int=0), description="within a pipeline a deal moves by POST …/move")
    amount: Amount | None = None
    currency: CurrencyCode = Field(default="")
    close_date: Day | None = None
    description: LongText | None = None
    external_id: ShortText | None = None
    lost_reason: LongText | None = None
    custom_data: CustomDataChanges = Field(default={})

    def to_command(self, deal_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> EditDeal:
        return EditDeal(caller, deal_id, self.given(), expected_version)


class MoveDealRequest(RequestBody):
    stage_id: UUID
    lost_reason: LongText | None = None
    changed_at: Instant | None = Field(default=None, description="ADMIN, for imports: when the move happened")

    def to_command(self, deal_id: UUID, *, caller: Caller, expected_version: tuple[int, ...] | None) -> MoveDeal:
        return MoveDeal(caller, deal_id, self.stage_id, self.lost_reason, self.changed_at, expected_version)


class ImportDealRequest(CreateDealRequest):
    created_at: Instant | None = Field(default=None, description="ADMIN: when the deal was made elsewhere")

    def to_import(self, caller: Caller) -> ImportDeal:
        return ImportDeal(self.to_command(caller), self.created_at)


class WriteDealRequest(EditDealRequest):
    """An item of an update or upsert. With a `stage_id` it moves the deal, `changed_at` says when."""

    changed_at: Instant | None = Field(default=None, description="ADMIN: when the move happened")

    @model_validator(mode="after")
    def _require_stage(self) -> Self:
        if self.changed_at is not None and "stage_id" not in self.model_fields_set:
            raise PydanticCustomError("no_stage", "changed_at belongs to a move: name the stage_id")
        return self


class UpsertDealRequest(WriteDealRequest):
    """What a deal that is there takes of an upsert's item; when it was created stays as it is."""

    created_at: Instant | None = None

    def to_changes(self) -> dict[str, object]:
        return {name: value for name, value in self.given().items() if name != "created_at"}


class BulkMoveItem(MoveDealRequest):
    deal_id: UUID

    def to_item(self, index: int) -> BatchItem[ImportDeal]:
        changes = {name: value for name, value in self.given().items() if name != "deal_id"}
        return BatchItem(index, Target("id", self.deal_id), changes)


ITEMS_SCHEMA = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_ITEMS,
    "items": {},
    "description": "each {deal_id, stage_id, lost_reason?, changed_at?}; anything else is that item's 422",
}


class BulkMoveRequest(RequestBody):
    # Any: what one item is must not decide over the others.
    items: Annotated[list[Any], Field(min_length=1, max_length=MAX_ITEMS), WithJsonSchema(ITEMS_SCHEMA)]


@asking_emptiness(but=("close_date_from", "close_date_to"), also=("close_date",))
class DealFilters(CustomFieldQuery):
    owner_id: Equal[UUID] = None
    contact_id: Equal[UUID] = None
    company_id: Equal[UUID] = None
    pipeline_id: Equal[UUID] = None
    stage_id: Equal[UUID] = None
    status: Equal[DealStatus] = None
    external_id: Equal[ShortText] = None
    currency: Equal[CurrencyCode] = None
    close_date_from: Day | None = None
    close_date_to: Day | None = None


class DealList(DealFilters):
    next_step: Annotated[
        NextStep | None, Field(description="of open deals, by the earliest open task or meeting: none, due or planned")
    ] = None
    as_of: Annotated[
        Instant | None, Field(description="the list as it stood then; filters and order ask the past too")
    ] = None


class BoardQuery(PageQuery):
    """`stage_id` with `cursor` reads on in one column."""

    limit: Annotated[WholeNumber, Field(ge=1, le=200, description="deals per stage")] = 20
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
    total: Annotated[Decimal | None, Field(description="null where a sum is broken")]
    weighted: Annotated[Decimal | None, Field(description="total x win probability / 100; null where a sum is broken")]


class NextActivity(BaseModel):
    id: UUID
    type: str
    subject: str | None
    scheduled_at: datetime | None
    scheduled_on: date | None


class BoardDeal(DealState):
    next_activity: Annotated[NextActivity | None, Field(description="the earliest open task or meeting")]
    last_activity_at: Annotated[datetime | None, Field(description="of the activities that people logged")]
    rotting: Annotated[bool, Field(description="no move and no activity for as long as the stage allows")]


class BoardColumn(BaseModel):
    stage: Stage
    count: int
    totals: list[CurrencyTotal]
    deals: list[BoardDeal]
    next_cursor: str | None


class Board(BaseModel):
    pipeline_id: UUID
    pipeline_name: str
    stages: list[BoardColumn]
