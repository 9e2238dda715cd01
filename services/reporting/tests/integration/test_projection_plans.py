"""What a batch makes anew costs what its deals' rows cost, and its e-mails' conversations: nothing is gone through."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid5

import pytest

from crm_reporting.consumers import keep_activities, project_deals
from crm_reporting.conversions.store import MAKE as MAKE_CONVERSIONS
from crm_reporting.emails.store import LOOK_UP, SAVE_CONTACTS, SAVE_RECEIVED, SAVE_SENT
from crm_reporting.history.store import MAKE_PERIODS
from crm_reporting.history.sums import FormerFact
from crm_reporting.row_arrays import to_columns
from crm_reporting.settings import ReportingSettings
from crm_reporting.stays.store import MAKE
from crm_reporting.wins.store import MAKE as MAKE_WINS
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.query_plans import explain, list_nodes
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

DEALS: Final = 120
ROWS: Final = 4 * DEALS
"""Of their versions, periods and entries."""
STATEMENTS: Final = {"periods": MAKE_PERIODS, "stays": MAKE, "wins": MAKE_WINS, "conversions": MAKE_CONVERSIONS}
EMAILS, LATEST = 2_000, 40


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
    assert count_compared(plan) < 60 * ROWS


@pytest.mark.parametrize("what", ["contacts", "received", "sent"])
async def test_of_all_emails_those_of_a_batchs_conversations_are_looked_up(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, what: str
) -> None:
    """Nothing is known of the tables' rows, as after a tenant's import."""
    emails = [
        PublishedRecord.new(
            "activity",
            tenant.id,
            type="EMAIL",
            direction=("INBOUND", "OUTBOUND")[number % 2],
            message_id=f"<{number}@example.com>",
            contact_ids=[uuid5(tenant.id, str(number // 10))],
            thread_id=uuid5(tenant.id, str(number // 4)),
            occurred_at=datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(minutes=5),
        )
        for number in range(EMAILS)
    ]
    await keep_activities([one.publish() for one in emails], reporting.database)
    named = to_columns(sorted((tenant.id, one.id) for one in emails[-LATEST:]), width=2)
    statement = {"contacts": SAVE_CONTACTS, "received": SAVE_RECEIVED, "sent": SAVE_SENT}[what]
    replies: list[list[UUID]] = [[], []] if what == "sent" else []
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(LOOK_UP)
        plan = await explain(transaction, statement, *named, *replies, analyzed=True)
    assert count_compared(plan) < 60 * LATEST


def count_compared(plan: Mapping[str, Any]) -> int:
    """Count the rows that the plan's nodes gave and threw away, each time they ran."""
    removed = ("Rows Removed by Filter", "Rows Removed by Join Filter")
    return sum(
        int(node["Actual Loops"] * (node["Actual Rows"] + sum(node.get(name, 0) for name in removed)))
        for node in list_nodes(plan)
    )
