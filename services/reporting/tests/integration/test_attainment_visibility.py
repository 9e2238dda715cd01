"""GET /v1/reports/attainment: whose rows each caller sees."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from services.reporting.tests.integration.attainment_stories import (
    publish,
    publish_open,
    publish_won,
    read_attainment,
    set_quota,
)

from crm_reporting.consumers import keep_directory, keep_pipelines, keep_shares
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant, publish_user
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/attainment"
NOVEMBER = {"from": "2026-11", "to": "2026-11"}
MID_NOVEMBER = datetime(2026, 11, 16, 12, tzinfo=UTC)


async def read_report(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, Any]:
    return await read_attainment(reporting.client(person), **NOVEMBER, **parameters)


async def read_won(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, str]:
    report = await read_report(reporting, person, **parameters)
    return {item["user_name"]: item["won"] for item in report["items"]}


async def test_each_sees_the_rows_of_users_in_sight(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    for number, person in enumerate(tenant.people):
        await set_quota(reporting, tenant, person, "2026-11", "1000")
        await publish(reporting, publish_won(pipeline, person, MID_NOVEMBER, str(10**number)))

    assert await read_won(reporting, tenant.admin) == {
        "Ada Admin": "1.00", "Mia Manager": "10.00", "Rae Rep": "100.00", "Otto Other": "1000.00",
    }  # fmt: skip
    assert await read_won(reporting, tenant.manager) == {"Mia Manager": "10.00", "Rae Rep": "100.00"}
    assert await read_won(reporting, tenant.rep) == {"Rae Rep": "100.00"}
    assert await read_won(reporting, tenant.other_rep) == {"Otto Other": "1000.00"}
    both = [str(tenant.rep.id), str(tenant.other_rep.id)]
    assert await read_won(reporting, tenant.admin, owner_id=both) == {"Rae Rep": "100.00", "Otto Other": "1000.00"}
    assert await read_won(reporting, tenant.manager, owner_id=both) == {"Rae Rep": "100.00"}
    assert await read_won(reporting, tenant.other_rep, owner_id=str(tenant.rep.id)) == {}
    total = (await read_report(reporting, tenant.manager))["total"]
    assert (total["quota"], total["won"], total["attainment"]) == ("2000.00", "110.00", 0.055)

    strangers = await reporting.seed_tenant()
    await keep_pipelines([PublishedPipeline.sales(strangers.id).publish()], reporting.database)
    assert await read_won(reporting, strangers.admin) == {}
    assert await read_won(reporting, strangers.admin, owner_id=both) == {}
    answer = await reporting.client(strangers.admin).get(URL, params={"pipeline_id": str(pipeline.id)})
    require_problem(answer, 404, "not-found")


async def test_a_share_of_a_contact_shows_nobodys_row(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Otto sees the deals, and neither Rae's quota nor how Rae stands."""
    contact_id = new_id()
    share = [{"user_id": tenant.other_rep.id, "permission": "READ"}]
    shared = make_contact_event(tenant.id, tenant.rep.id, contact_id=contact_id, version=1, shares=share)
    await keep_shares([shared], reporting.database)
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "1000")
    await publish(
        reporting,
        publish_won(pipeline, tenant.rep, MID_NOVEMBER, "10", contact_id=contact_id),
        publish_open(pipeline, tenant.rep, date(2026, 11, 30), "20", contact_id=contact_id),
        publish_won(pipeline, tenant.other_rep, MID_NOVEMBER, "1"),
    )
    assert await read_won(reporting, tenant.other_rep) == {"Otto Other": "1.00"}
    assert await read_won(reporting, tenant.other_rep, owner_id=str(tenant.rep.id)) == {}
    assert await read_won(reporting, tenant.manager) == {"Rae Rep": "10.00"}


async def test_a_quota_stays_with_its_user_and_month(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "100")
    await publish(reporting, publish_won(pipeline, tenant.rep, MID_NOVEMBER, "50"))
    before = await read_report(reporting, tenant.admin)
    left = publish_user(tenant.rep, version=2, by=tenant.admin, active=False, manager_id=None)
    await keep_directory([left], reporting.database)

    after = await read_report(reporting, tenant.admin)
    assert (after["items"], after["total"]) == (before["items"], before["total"])
    assert (await read_report(reporting, tenant.manager))["items"] == []


async def test_a_user_of_whom_no_event_has_told_has_a_row_without_a_name(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    fresh = Person(tenant.id, new_id(), "nell@example.com", "Nell New", tenant.rep.role, None)
    await publish(reporting, publish_won(pipeline, fresh, MID_NOVEMBER, "50"))
    [row] = (await read_report(reporting, tenant.admin))["items"]
    assert (row["user_id"], row["user_name"], row["won"]) == (str(fresh.id), None, "50.00")


async def test_a_won_deal_is_its_owners_at_the_closing(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Who sees the deal goes by who has it today."""
    before, after, twice = (
        publish_open(pipeline, tenant.rep, date(2026, 11, 30), amount) for amount in ("1", "10", "100")
    )
    before.edit(owner_id=tenant.manager.id)
    for story in (before, after, twice):
        story.move("Closed Won", at=MID_NOVEMBER)
    after.edit(owner_id=tenant.manager.id)
    twice.edit(owner_id=tenant.manager.id)
    twice.move("Proposal")
    twice.move("Closed Won")
    twice.edit(owner_id=tenant.rep.id)
    away = publish_won(pipeline, tenant.rep, MID_NOVEMBER, "1000")
    away.edit(owner_id=tenant.other_rep.id)
    await publish(reporting, before, after, twice, away)

    assert await read_won(reporting, tenant.admin) == {"Rae Rep": "1010.00", "Mia Manager": "101.00"}
    assert await read_won(reporting, tenant.admin, owner_id=str(tenant.rep.id)) == {"Rae Rep": "1010.00"}
    assert await read_won(reporting, tenant.manager) == {"Rae Rep": "10.00", "Mia Manager": "101.00"}
    assert await read_won(reporting, tenant.rep) == {}
    assert await read_won(reporting, tenant.other_rep) == {}


async def test_a_share_shows_what_one_closed_and_handed_over(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    share = [{"user_id": tenant.rep.id, "permission": "READ"}]
    shared = make_contact_event(tenant.id, tenant.other_rep.id, contact_id=contact_id, version=1, shares=share)
    await keep_shares([shared], reporting.database)
    story = publish_won(pipeline, tenant.rep, MID_NOVEMBER, "10", contact_id=contact_id)
    story.edit(owner_id=tenant.other_rep.id)
    await publish(reporting, story)

    assert await read_won(reporting, tenant.rep) == {"Rae Rep": "10.00"}
    assert await read_won(reporting, tenant.other_rep) == {}


async def test_a_closing_told_late_is_whose_the_deal_was_then(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = DealStory(pipeline, tenant.rep.id, Decimal(10), at=MID_NOVEMBER)
    story.create()
    story.edit(amount=Decimal(20))
    story.at = MID_NOVEMBER + timedelta(days=3)
    story.edit(owner_id=tenant.other_rep.id)
    story.move("Closed Won", at=MID_NOVEMBER + timedelta(days=1))
    await publish(reporting, story)

    assert await read_won(reporting, tenant.admin) == {"Rae Rep": "20.00"}


async def test_deals_whose_past_is_not_known_are_their_present_owners(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_won(pipeline, tenant.rep, MID_NOVEMBER, "10")
    story.edit(owner_id=tenant.other_rep.id)
    await publish(reporting, story)
    async with reporting.database.begin_as_worker() as transaction:
        for table in ("deal_periods", "handed_over_wins"):
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant.id)  # noqa: S608 - our names
    assert await read_won(reporting, tenant.admin) == {"Otto Other": "10.00"}
