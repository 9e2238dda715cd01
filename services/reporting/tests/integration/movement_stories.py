"""Deals told for the tests of GET /v1/reports/movement: they begin a week before the days that are asked about."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from crm_reporting.consumers import project_deals
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]

URL: Final = "/v1/reports/movement"
BUCKETS: Final = (
    *("created", "restored", "reopened", "moved_in", "won", "lost", "deleted", "moved_out"),
    *("increased", "decreased", "fx"),
)
DAY: Final = timedelta(days=1)
MONDAY: Final = BEGAN_AT + 7 * DAY
FRIDAY: Final = MONDAY + 4 * DAY
WEEK: Final = {"from": MONDAY.isoformat(), "to": FRIDAY.isoformat()}


async def publish(reporting: Reporting, *stories: DealStory) -> None:
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def read_report(reporting: Reporting, person: Person, **asked: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(URL, params={**WEEK, **asked}))


def list_filled(report: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return count and amount of the buckets that hold something."""
    assert [item["bucket"] for item in report["items"]] == list(BUCKETS)
    return {
        item["bucket"]: (item["deal_count"], item["amount"])
        for item in report["items"]
        if item["deal_count"] or Decimal(item["amount"])
    }


def make_deal(pipeline: PublishedPipeline, owner: Person, amount: str | None, **more: Any) -> DealStory:
    """Make a deal that is there before Monday, unless `at` says when."""
    story = DealStory(pipeline, owner.id, None if amount is None else Decimal(amount), **more)
    story.create()
    return story


def on(story: DealStory, at: datetime) -> DealStory:
    """Let the next act happen at this moment."""
    story.at = at - timedelta(minutes=1)
    return story


async def set_rate(reporting: Reporting, tenant: SeededTenant, currency: str, effective_on: str, rate: str) -> None:
    body = {"currency": currency, "effective_on": effective_on, "rate": rate}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=body))
