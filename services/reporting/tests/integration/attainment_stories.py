"""Deals, quotas and rates as tests of attainment tell them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx

from crm_reporting.consumers import project_deals
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]


async def read_attainment(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    return require_ok(await client.get("/v1/reports/attainment", params=parameters))


async def set_quota(
    reporting: Reporting, tenant: SeededTenant, person: Person, month: str, amount: str, *, currency: str = "EUR"
) -> None:
    body = {"user_id": str(person.id), "month": month, "amount": amount, "currency": currency}
    require_ok(await reporting.client(tenant.admin).put("/v1/quotas", json=body))


async def set_rate(reporting: Reporting, tenant: SeededTenant, currency: str, effective_on: str, rate: str) -> None:
    body = {"currency": currency, "effective_on": effective_on, "rate": rate}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=body))


def publish_won(
    pipeline: PublishedPipeline,
    owner: Person,
    closed_at: datetime,
    amount: str,
    *,
    currency: str = "EUR",
    contact_id: UUID | None = None,
) -> DealStory:
    """Tell of a deal that was made a week before it was won."""
    at = closed_at - timedelta(days=7)
    story = DealStory(pipeline, owner.id, Decimal(amount), currency, at=at, contact_id=contact_id)
    story.create()
    story.move("Closed Won", at=closed_at)
    return story


def publish_open(
    pipeline: PublishedPipeline,
    owner: Person,
    close_date: date | None,
    amount: str | None,
    *,
    currency: str = "EUR",
    stage: str = "Qualification",
    contact_id: UUID | None = None,
) -> DealStory:
    value = None if amount is None else Decimal(amount)
    story = DealStory(pipeline, owner.id, value, currency, close_date, stage, contact_id=contact_id)
    story.create()
    return story


async def publish(reporting: Reporting, *stories: DealStory) -> None:
    for story in stories:
        if not story.events:
            story.create()
    await project_deals([event for story in stories for event in story.events], reporting.database)
