"""GET /v1/reports/movement: buckets, money, sight, parameters, CSV. Figures are worked out by hand."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.testing.answers import require_ok
from crm_shared.testing.deal_stories import BEGAN_AT, DealStory, ToldPipeline
from crm_shared.testing.people import Person, SeededTenant
from crm_shared.testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/movement"
BUCKETS = ["created", "restored", "reopened", "moved_in", "won", "lost", "deleted", "moved_out"]
BUCKETS += ["increased", "decreased", "fx"]
DAY = timedelta(days=1)
MONDAY = BEGAN_AT + 7 * DAY
FRIDAY = MONDAY + 4 * DAY
WEEK = {"from": MONDAY.isoformat(), "to": FRIDAY.isoformat()}


async def tell(reporting: Reporting, *stories: DealStory) -> None:
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def read(reporting: Reporting, person: Person, **asked: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(URL, params={**WEEK, **asked}))


def list_filled(report: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    assert [item["bucket"] for item in report["items"]] == BUCKETS
    return {
        item["bucket"]: (item["deal_count"], item["amount"])
        for item in report["items"]
        if item["deal_count"] or Decimal(item["amount"])
    }


def make_deal(pipeline: ToldPipeline, owner: Person, amount: str | None, **more: Any) -> DealStory:
    """Make a deal that is there before Monday."""
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


async def test_each_difference_has_its_bucket(
    reporting: Reporting, tenant: SeededTenant, pipeline: ToldPipeline
) -> None:
    other = ToldPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.tell()], reporting.database)
    midweek = MONDAY + DAY
    names = ["unchanged", "won", "lost", "deleted", "moved_out", "increased", "decreased", "gone before", "valueless"]
    amounts = ["1000", "100", "90", "80", "70", "60", "50", "40", None]
    deals = {name: make_deal(pipeline, tenant.rep, amount) for name, amount in zip(names, amounts, strict=True)}
    on(deals["won"], midweek).edit(amount=Decimal(150))
    deals["won"].move("Closed Won", at=midweek + DAY)
    deals["lost"].move("Closed Lost", at=midweek)
    on(deals["deleted"], midweek).delete()
    on(deals["moved_out"], midweek).edit(pipeline_id=other.id, stage_id=other.stage("Discovery").id)
    on(deals["increased"], midweek).edit(amount=Decimal(61))
    on(deals["decreased"], midweek).edit(amount=Decimal(48))
    on(deals["gone before"], MONDAY - DAY).delete()
    restored = make_deal(pipeline, tenant.rep, "5")
    on(restored, MONDAY - DAY).delete()
    on(restored, midweek).restore()
    reopened = make_deal(pipeline, tenant.rep, "6")
    reopened.move("Closed Lost", at=MONDAY - DAY)
    reopened.move("Proposal", at=midweek)
    moved_in = make_deal(other, tenant.rep, "7")
    on(moved_in, midweek).edit(pipeline_id=pipeline.id, stage_id=pipeline.stage("Negotiation").id)
    created = make_deal(pipeline, tenant.rep, "8", at=midweek, stage="Proposal")
    fleeting = make_deal(pipeline, tenant.rep, "9", at=midweek)
    fleeting.move("Closed Won", at=midweek + DAY)
    later = make_deal(pipeline, tenant.rep, "10", at=FRIDAY + DAY)
    await tell(reporting, *deals.values(), restored, reopened, moved_in, created, fleeting, later)

    report = await read(reporting, tenant.rep)

    assert report["start"] == {"deal_count": 8, "amount": "1450.00", "weighted": "145.00"}
    assert list_filled(report) == {
        "created": (1, "8.00"),
        "restored": (1, "5.00"),
        "reopened": (1, "6.00"),
        "moved_in": (1, "7.00"),
        "won": (1, "-100.00"),
        "lost": (1, "-90.00"),
        "deleted": (1, "-80.00"),
        "moved_out": (1, "-70.00"),
        "increased": (1, "1.00"),
        "decreased": (1, "-2.00"),
    }
    # 1000 + 61 + 48 + 5 at 10 %, 8 and 6 at 50 %, 7 at 75 %
    assert report["end"] == {"deal_count": 8, "amount": "1135.00", "weighted": "123.65"}
    assert (report["currency"], report["missing_rates"]) == ("EUR", [])
    assert report["pipeline_id"] == str(pipeline.id)
    assert datetime.fromisoformat(report["from"]) == MONDAY
    assert datetime.fromisoformat(report["to"]) == FRIDAY
    assert datetime.now(UTC) - datetime.fromisoformat(report["as_of"]) < timedelta(minutes=1)
