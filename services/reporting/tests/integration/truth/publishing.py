"""Tells a business to the service: its events in any order, cut into batches, some of them again and again."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from services.reporting.tests.integration.truth.activity_lives import log_activities
from services.reporting.tests.integration.truth.business import Business, found_business
from services.reporting.tests.integration.truth.deal_lives import live

from crm_reporting.consumers import keep_activities, keep_pipelines, keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.people import SeededTenant, seed_people
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]

DEALS: Final = 1_050
REPEATED: Final = 0.05
CONSUMERS: Final[Mapping[str, Any]] = {
    "pipeline": keep_pipelines,
    "contact": keep_shares,
    "deal": project_deals,
    "activity": keep_activities,
}


async def publish_business(reporting: Reporting, tenant: SeededTenant, seed: int) -> Business:
    """Let a business live its three months and project what it told."""
    chance = random.Random(seed)  # noqa: S311 - repeats what failed
    business = found_business(tenant, chance)
    business.stories = [live(business, chance) for _ in range(DEALS)]
    business.events += [published.publish() for versions in business.pipelines for published in versions]
    business.events += [event for story in business.stories for event in story.events]
    log_activities(business, chance)
    await seed_people(reporting.database, [person for person in business.people if person not in tenant.people])
    for batch in _deliver(business.events, chance):
        await CONSUMERS[batch[0].aggregate](batch, reporting.database)
    await _set_rates(reporting, business)
    await _set_quotas(reporting, business)
    return business


def _deliver(events: Sequence[Event], chance: random.Random) -> Iterator[list[Event]]:
    """Shuffle the events, and cut them into batches of a topic each."""
    shuffled = [*events, *chance.sample(events, int(len(events) * REPEATED))]
    chance.shuffle(shuffled)
    waiting: dict[str, list[Event]] = {aggregate: [] for aggregate in CONSUMERS}
    for event in shuffled:
        batch = waiting[event.aggregate]
        batch.append(event)
        if chance.random() < 1 / 80:
            yield batch
            again = chance.sample(batch, min(len(batch), chance.choice((0, 0, 3))))
            waiting[event.aggregate] = again
    yield from (batch for batch in waiting.values() if batch)


async def _set_rates(reporting: Reporting, business: Business) -> None:
    client = reporting.client(business.tenant.admin)
    for currency, day, rate in business.rates:
        body = {"currency": currency, "effective_on": day.isoformat(), "rate": str(rate)}
        require_ok(await client.put("/v1/exchange-rates", json=body))


async def _set_quotas(reporting: Reporting, business: Business) -> None:
    client = reporting.client(business.tenant.admin)
    for (user_id, month), (amount, currency) in business.quotas.items():
        body = {"user_id": str(user_id), "month": f"{month:%Y-%m}", "amount": str(amount), "currency": currency}
        require_ok(await client.put("/v1/quotas", json=body))
