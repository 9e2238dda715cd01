"""The SQL of each list, to be read in `golden/`."""

from crm_deals.deals.as_of import select_deals_as_of
from crm_deals.deals.board import select_stage_deals
from crm_deals.deals.board_routes import ORDER as BOARD
from crm_deals.deals.filters import to_where
from crm_deals.deals.next_steps import NextStep
from crm_deals.deals.queries import select_deals, select_deals_by_next_step
from crm_deals.deals.routes import SORTS
from crm_deals.deals.schemas import DealList
from crm_deals.pipelines.queries import select_pipelines
from crm_deals.pipelines.routes import SORTS as PIPELINE_SORTS
from crm_deals.webhooks.queries import select_deliveries, select_webhooks
from crm_deals.webhooks.routes import DELIVERIES, WEBHOOKS
from crm_shared.access import Caller
from crm_shared.database import Where
from crm_shared.features.custom_fields import EntityType, FieldType
from crm_shared.features.custom_fields.sorting import find_order
from crm_shared.http.cursors import parse_order
from crm_shared.listing import ListStatement, Order, Page, Statement
from crm_testing.golden import (
    ADMIN,
    MANAGER,
    MOMENT,
    OTHER,
    RECORD,
    REP,
    SHARED_WITH,
    TENANT,
    Golden,
    after,
    define,
    first,
)


def order_of(sort: str | None = None) -> Order:
    fields = define(EntityType.DEAL, {"score": FieldType.NUMBER})
    return find_order(fields, sort) or parse_order(sort, SORTS, id_column="d.id")


def test_deals(golden: Golden) -> None:
    def select(caller: Caller, page: Page, **asked: object) -> ListStatement:
        return select_deals(caller, to_where(DealList.model_validate(asked), caller), page)

    by_score = order_of("-cf_score")
    golden.compare(
        "deals",
        {
            "ADMIN": select(ADMIN, first(order_of())),
            "REP, sort=name, a later page": select(REP, after(order_of("name"), "Roof")),
            "REP with shares, stage_id=…": select(SHARED_WITH, first(order_of()), stage_id=RECORD),
            "MANAGER": select(MANAGER, first(order_of())),
            "MANAGER, sort=-cf_score": select(MANAGER, first(by_score)),
            "MANAGER, sort=-cf_score, a later page": select(MANAGER, after(by_score, 5.0)),
            "MANAGER, sort=-cf_score, a page of those without a score": select(MANAGER, after(by_score, None)),
        },
    )


def test_deals_by_next_step(golden: Golden) -> None:
    def select(caller: Caller, page: Page, step: NextStep, **asked: object) -> ListStatement:
        filters = to_where(DealList.model_validate(asked), caller)
        return select_deals_by_next_step(caller, filters, page, step, now=MOMENT)

    golden.compare(
        "deals_by_next_step",
        {
            "ADMIN, none": select(ADMIN, first(order_of()), NextStep.NONE),
            "ADMIN, overdue": select(ADMIN, first(order_of()), NextStep.OVERDUE),
            "ADMIN, planned, a later page": select(ADMIN, after(order_of()), NextStep.PLANNED),
            "MANAGER, overdue": select(MANAGER, first(order_of()), NextStep.OVERDUE),
            "REP with shares, overdue, stage_id=…, sort=name, a later page": select(
                SHARED_WITH, after(order_of("name"), "Roof"), NextStep.OVERDUE, stage_id=RECORD
            ),
        },
    )


def test_deals_as_of(golden: Golden) -> None:
    page = after(order_of())
    golden.compare("deals_as_of", {"REP, a later page": select_deals_as_of(REP, Where(TENANT), page, MOMENT)})


def test_stage_deals(golden: Golden) -> None:
    def select(caller: Caller, page: Page) -> Statement:
        return select_stage_deals(caller, RECORD, [OTHER], page=page, now=MOMENT)

    golden.compare(
        "stage_deals",
        {
            "ADMIN": select(ADMIN, first(BOARD)),
            "MANAGER": select(MANAGER, first(BOARD)),
            "REP with shares, a later page": select(SHARED_WITH, after(BOARD)),
        },
    )


def test_pipelines(golden: Golden) -> None:
    by_name = parse_order("name", PIPELINE_SORTS, id_column="p.id")
    golden.compare("pipelines", {"sort=name, a later page": select_pipelines(REP, after(by_name, "A"), archived=False)})


def test_webhooks(golden: Golden) -> None:
    golden.compare("webhooks", {"a later page": select_webhooks(TENANT, after(WEBHOOKS))})


def test_deliveries(golden: Golden) -> None:
    golden.compare("deliveries", {"a later page": select_deliveries(Where(TENANT, RECORD), after(DELIVERIES))})
