"""Making a batch's periods and stays anew costs what its deals' rows cost: no row is held against each other."""

from decimal import Decimal
from typing import Final

import pytest

from crm_reporting.consumers import project_deals
from crm_reporting.history.store import MAKE_PERIODS
from crm_reporting.history.sums import FormerFact
from crm_reporting.row_arrays import to_columns
from crm_reporting.settings import ReportingSettings
from crm_reporting.stays.store import MAKE
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.query_plans import explain, list_nodes
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

DEALS: Final = 120
ROWS: Final = 4 * DEALS
"""Of their versions, periods and entries."""
STATEMENTS: Final = {"periods": MAKE_PERIODS, "stays": MAKE}


@pytest.mark.parametrize("what", STATEMENTS)
async def test_no_row_is_held_against_each_other(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, pipeline: PublishedPipeline, what: str
) -> None:
    stories = [DealStory(pipeline, tenant.rep.id, Decimal(number)) for number in range(DEALS)]
    for story in stories:
        story.create()
        story.move("Discovery")
        story.edit(amount=Decimal(7))
        story.move("Proposal")
    await project_deals([event for story in stories for event in story.events], reporting.database)
    deals = sorted((tenant.id, story.id) for story in stories)
    former = [FormerFact(*deal, tenant.other_rep.id, stories[0].state["created_at"]) for deal in deals]
    parameters = to_columns(deals, width=2) + (to_columns(former, width=4) if what == "periods" else [])
    async with reporting.database.begin_as_worker() as transaction:
        plan = await explain(transaction, STATEMENTS[what], *parameters, analyzed=True)
    compared = sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Join Filter", 0))
        for node in list_nodes(plan)
    )
    assert compared < 60 * ROWS
