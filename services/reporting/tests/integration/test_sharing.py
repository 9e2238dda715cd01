"""Reports count a shared contact's deals for whom it is shared with, each deal once."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from crm_reporting.consumers import keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]


def publish_contact(tenant: SeededTenant, contact_id: UUID, version: int, *people: Person, **fields: Any) -> Event:
    shares = [{"user_id": person.id, "permission": "READ"} for person in people]
    return make_contact_event(tenant.id, tenant.rep.id, contact_id=contact_id, version=version, shares=shares, **fields)


async def publish_deals(reporting: Reporting, *stories: DealStory) -> None:
    for story in stories:
        story.create()
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def read_stage(reporting: Reporting, person: Person, stage: str, **parameters: Any) -> tuple[int, str, Any]:
    report = require_ok(await reporting.client(person).get("/v1/reports/pipeline", params=parameters))
    [row] = [item for item in report["items"] if item["stage_name"] == stage]
    return row["deal_count"], row["total"], row["average_age_days"]


async def test_a_share_adds_the_contacts_deals_and_its_end_takes_them_off(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    await publish_deals(
        reporting,
        DealStory(pipeline, tenant.rep.id, Decimal("10.00"), contact_id=contact_id),
        DealStory(pipeline, tenant.rep.id, Decimal("20.00")),
        DealStory(pipeline, tenant.other_rep.id, Decimal("400.00")),
        DealStory(pipeline, tenant.other_rep.id, None, contact_id=contact_id),
    )
    await keep_shares([publish_contact(tenant, contact_id, 1)], reporting.database)
    seen = {person.id: await read_stage(reporting, person, "Qualification") for person in tenant.people}
    assert [found[:2] for found in seen.values()] == [(4, "430.00"), (2, "30.00"), (2, "30.00"), (2, "400.00")]

    shared = publish_contact(tenant, contact_id, 2, tenant.other_rep, tenant.manager, tenant.admin)
    await keep_shares([shared], reporting.database)

    counts = [(await read_stage(reporting, person, "Qualification"))[:2] for person in tenant.people]
    assert counts == [(4, "430.00"), (3, "30.00"), (2, "30.00"), (3, "410.00")]
    of_rep = await read_stage(reporting, tenant.other_rep, "Qualification", owner_id=str(tenant.rep.id))
    assert of_rep[:2] == (1, "10.00")
    assert of_rep[2] == pytest.approx(seen[tenant.rep.id][2], abs=0.01)

    await keep_shares([publish_contact(tenant, contact_id, 3)], reporting.database)

    for person in tenant.people:
        assert (await read_stage(reporting, person, "Qualification"))[:2] == seen[person.id][:2]


async def test_closed_deals_in_other_currencies_are_counted_and_converted(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    body = {"currency": "USD", "effective_on": "2026-01-01", "rate": "0.5"}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=body))
    contact_id = new_id()
    await keep_shares([publish_contact(tenant, contact_id, 1, tenant.other_rep)], reporting.database)
    await publish_deals(
        reporting,
        DealStory(pipeline, tenant.rep.id, Decimal(100), "USD", stage="Closed Won", contact_id=contact_id),
        DealStory(pipeline, tenant.rep.id, Decimal(100), "USD", stage="Closed Won"),
    )
    assert (await read_stage(reporting, tenant.other_rep, "Closed Won"))[:2] == (1, "50.00")
    assert (await read_stage(reporting, tenant.rep, "Closed Won"))[:2] == (2, "100.00")


async def test_deleted_deals_and_deleted_contacts_count_nothing(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    gone = DealStory(pipeline, tenant.rep.id, contact_id=contact_id)
    await keep_shares([publish_contact(tenant, contact_id, 1, tenant.other_rep)], reporting.database)
    await publish_deals(reporting, gone, DealStory(pipeline, tenant.rep.id, contact_id=contact_id))
    assert (await read_stage(reporting, tenant.other_rep, "Qualification"))[0] == 2

    await project_deals([*gone.delete()], reporting.database)
    assert (await read_stage(reporting, tenant.other_rep, "Qualification"))[0] == 1
    deleted = publish_contact(tenant, contact_id, 2, tenant.other_rep, deleted_at="2026-11-03T09:00:00Z")
    await keep_shares([deleted], reporting.database)
    assert (await read_stage(reporting, tenant.other_rep, "Qualification"))[0] == 0


async def test_replays_and_late_events_change_no_row(reporting: Reporting, tenant: SeededTenant) -> None:
    contact_id = new_id()
    published = [
        publish_contact(tenant, contact_id, 1),
        publish_contact(tenant, contact_id, 2, tenant.other_rep),
        publish_contact(tenant, contact_id, 3, tenant.other_rep, tenant.manager),
        publish_contact(tenant, contact_id, 4, tenant.manager),
    ]
    tables = ("contact_shares", "contacts", "source_progress")
    await keep_shares(published, reporting.database)
    settled = await reporting.list_rows(*tables)
    for batch in (published, published[:2], list(reversed(published)), [published[1]]):
        await keep_shares(batch, reporting.database)
        assert await reporting.list_rows(*tables) == settled


async def test_strangers_count_nothing(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    strangers = await reporting.seed_tenant()
    contact_id = new_id()
    await keep_shares([publish_contact(tenant, contact_id, 1, strangers.rep)], reporting.database)
    await publish_deals(reporting, DealStory(pipeline, tenant.rep.id, contact_id=contact_id))
    assert (await read_stage(reporting, tenant.other_rep, "Qualification"))[0] == 0
    answer = await reporting.client(strangers.rep).get("/v1/reports/pipeline", params={"pipeline_id": str(pipeline.id)})
    assert answer.status_code == 404
