"""GET /v1/reports/velocity: figures worked by hand, past moments, owners then and now, sight, parameters, CSV."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, project, publish_closed, set_rates

from crm_reporting.consumers import keep_shares
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines

URL = "/v1/reports/velocity"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-15"}


def publish_open(pipeline: PublishedPipeline, owner: Person, at: datetime = NOON, **fields: Any) -> DealStory:
    story = DealStory(pipeline, owner.id, at=at, **fields)
    story.create()
    return story


async def read_items(reporting: Reporting, person: Person, **parameters: Any) -> list[dict[str, Any]]:
    report = require_ok(await reporting.client(person).get(URL, params={**NOVEMBER, **parameters}))
    items: list[dict[str, Any]] = report["items"]
    return items


async def count_open(reporting: Reporting, person: Person, **parameters: Any) -> int:
    [item] = await read_items(reporting, person, **parameters)
    deals: int = item["deals"]
    return deals


async def test_figures_worked_by_hand(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """3 open x 2 / 3 won x 100.05 on average / 6 days = 33.35 a day."""
    cycles = [timedelta(days=4), timedelta(days=8)]
    await project(
        reporting,
        *(publish_open(pipeline, tenant.rep) for _ in range(3)),
        publish_closed(pipeline, tenant.rep.id, NOON, "200.00", cycle=cycles[0]),
        publish_closed(pipeline, tenant.rep.id, NOON, "0.10", cycle=cycles[1]),
        publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost", cycle=timedelta(days=300)),
    )

    report = require_ok(await reporting.client(tenant.rep).get(URL, params=NOVEMBER))

    figures = {
        "deals": 3,
        "win_rate": 0.6667,
        "average_won": "100.05",
        "average_cycle_days": 6.0,
        "velocity_per_day": "33.35",
    }
    assert report == {
        "pipeline_id": str(pipeline.id),
        "as_of": report["as_of"],
        **NOVEMBER,
        "group_by": None,
        "currency": "EUR",
        "items": [{"group": None, **figures}],
        "missing_rates": [],
    }
    owners = await read_items(reporting, tenant.rep, group_by="owner")
    assert owners == [{"group": str(tenant.rep.id), "owner_name": "Rae Rep", **figures}]
    assert await read_items(reporting, tenant.rep, group_by="month") == [{"group": "2026-11", **figures}]


async def test_what_there_is_nothing_of_is_null(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    nothing = {"win_rate": None, "average_won": None, "average_cycle_days": None, "velocity_per_day": None}
    assert await read_items(reporting, tenant.rep) == [{"group": None, "deals": 0, **nothing}]
    assert await read_items(reporting, tenant.rep, group_by="month") == [{"group": "2026-11", "deals": 0, **nothing}]
    assert await read_items(reporting, tenant.rep, group_by="owner") == []
    ahead = {"from": "2200-11-01", "to": "2200-12-31"}
    assert await read_items(reporting, tenant.rep, **ahead, group_by="month") == []

    await project(reporting, publish_closed(pipeline, tenant.rep.id, NOON, to="Closed Lost"))
    assert await read_items(reporting, tenant.rep) == [{"group": None, "deals": 0, **nothing, "win_rate": 0.0}]

    await project(reporting, publish_closed(pipeline, tenant.rep.id, NOON, cycle=timedelta()))
    [item] = await read_items(reporting, tenant.rep)
    assert (item["average_won"], item["average_cycle_days"], item["velocity_per_day"]) == ("100.00", 0.0, None)

    await project(reporting, publish_closed(pipeline, tenant.rep.id, NOON))
    [item] = await read_items(reporting, tenant.rep)
    assert (item["average_cycle_days"], item["velocity_per_day"]) == (5.0, "0.00")  # nothing is open


async def test_deals_are_those_open_at_the_windows_end(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Midnight in Berlin, an hour ahead of UTC, ends the 15th."""
    end = datetime(2026, 11, 15, 23, tzinfo=UTC)
    before, at_end = end - timedelta(microseconds=1), end
    later_won, won_before, late = (publish_open(pipeline, tenant.rep) for _ in range(3))
    later_won.move("Closed Won", at=at_end)
    won_before.move("Closed Won", at=before)
    late.at = end + timedelta(days=1)
    late.delete()
    reopened = publish_closed(pipeline, tenant.rep.id, NOON)
    reopened.move("Proposal", at=before)
    created = [publish_open(pipeline, tenant.rep, moment) for moment in (before, at_end)]
    moved_on = publish_open(pipeline, tenant.rep)
    moved_on.move("Discovery", at=at_end)
    await project(reporting, later_won, won_before, late, reopened, *created, moved_on)

    assert await count_open(reporting, tenant.rep) == 5  # without the one won before and the one created after
    assert await count_open(reporting, tenant.rep, time_zone="Pacific/Kiritimati") == 4  # its 15th ends at 10:00 UTC
    assert await count_open(reporting, tenant.rep, to="2200-12-31") == 4  # as it is now


async def test_what_has_not_ended_is_as_it_is_now(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    stories = [publish_open(pipeline, tenant.rep, now - timedelta(days=age)) for age in (90, 90, 1)]
    stories[0].move("Closed Won", at=now - timedelta(minutes=1))
    await project(reporting, *stories)
    client = reporting.client(tenant.rep)

    async def count(**parameters: str) -> list[int]:
        report = require_ok(await client.get(URL, params=parameters))
        return [item["deals"] for item in report["items"]]

    assert await count() == [2]
    assert await count(group_by="owner") == [2]
    long_ago = (now - timedelta(days=80)).date().isoformat()
    by_month = await count(**{"from": long_ago, "to": "2200-12-31", "group_by": "month"})
    assert (by_month[0], by_month[-1]) == (2, 2)
    assert len(by_month) in {3, 4}


async def test_each_month_ends_by_itself(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    begin = datetime(2026, 1, 20, tzinfo=UTC)
    quick = publish_open(pipeline, tenant.rep, begin)
    quick.move("Closed Lost", at=begin + timedelta(days=40))  # on 1 March
    slow = publish_open(pipeline, tenant.rep, begin)
    slow.move("Closed Won", at=begin + timedelta(days=100))  # on 30 April
    await project(reporting, quick, slow, publish_closed(pipeline, tenant.rep.id, begin + timedelta(days=35)))
    rows = await read_items(
        reporting, tenant.rep, **{"from": "2025-12-15", "to": "2026-05-10", "group_by": "month", "time_zone": "UTC"}
    )
    assert [(row["group"], row["deals"], row["win_rate"]) for row in rows] == [
        ("2025-12", 0, None),
        ("2026-01", 2, None),
        ("2026-02", 2, 1.0),
        ("2026-03", 1, 0.0),
        ("2026-04", 0, 1.0),
        ("2026-05", 0, None),
    ]
    rows = await read_items(
        reporting, tenant.rep, **{"from": "2026-02-01", "to": "2026-02-16", "group_by": "month", "time_zone": "UTC"}
    )
    assert [(row["deals"], row["win_rate"]) for row in rows] == [(3, None)]  # at the end of the days asked for


async def test_the_owner_of_that_moment_and_the_sight_of_today(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    given_away = publish_open(pipeline, tenant.rep)
    taken_over = publish_open(pipeline, tenant.other_rep)
    for story, owner in ((given_away, tenant.other_rep), (taken_over, tenant.rep)):
        story.at = NOON + timedelta(days=10)
        story.edit(owner_id=owner.id)
    await project(reporting, given_away, taken_over, publish_open(pipeline, tenant.rep))

    async def count(person: Person, *owners: Person, **parameters: Any) -> dict[str, int]:
        parameters |= {"group_by": "owner", "owner_id": [str(owner.id) for owner in owners]}
        return {item["owner_name"]: item["deals"] for item in await read_items(reporting, person, **parameters)}

    assert await count(tenant.admin) == {"Otto Other": 1, "Rae Rep": 2}
    assert await count(tenant.rep) == {"Otto Other": 1, "Rae Rep": 1}
    assert await count(tenant.rep, tenant.rep) == {"Rae Rep": 1}
    assert await count(tenant.other_rep) == {"Rae Rep": 1}
    assert await count(tenant.other_rep, tenant.other_rep) == {}
    assert await count(tenant.other_rep, to="2026-11-25") == {"Otto Other": 1}
    assert await count(tenant.admin, tenant.manager) == {}


async def test_each_sees_their_own(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    shared = new_id()
    shares = [{"user_id": person.id, "permission": "READ"} for person in (tenant.other_rep, tenant.manager)]
    event = make_contact_event(tenant.id, tenant.rep.id, contact_id=shared, shares=shares)
    await keep_shares([event], reporting.database)
    owners = {tenant.admin: 1, tenant.manager: 2, tenant.rep: 4, tenant.other_rep: 8}
    await project(
        reporting,
        *(publish_open(pipeline, owner) for owner, count in owners.items() for _ in range(count)),
        publish_open(pipeline, tenant.rep, contact_id=shared),
    )
    assert [await count_open(reporting, person) for person in tenant.people] == [16, 7, 5, 9]
    assert await count_open(reporting, tenant.rep, owner_id=[str(tenant.manager.id)]) == 0
    deleted, reopened = (publish_open(pipeline, tenant.rep, contact_id=shared) for _ in range(2))
    deleted.delete()
    reopened.move("Closed Won")
    reopened.move("Proposal")
    won = publish_closed(pipeline, tenant.rep.id, NOON, contact_id=shared)
    await project(reporting, deleted, reopened, won)
    for to in ("2026-11-15", "2200-12-31"):  # as it was then, and as it is now
        assert [await count_open(reporting, person, to=to) for person in tenant.people] == [17, 8, 6, 10]
        by_owner = await read_items(reporting, tenant.other_rep, to=to, group_by="owner")
        assert {item["owner_name"]: item["deals"] for item in by_owner} == {"Otto Other": 8, "Rae Rep": 2}
    strangers = await reporting.seed_tenant()
    answer = await reporting.client(strangers.admin).get(URL, params={"pipeline_id": str(pipeline.id)})
    require_problem(answer, 404, "not-found")


async def test_money_without_a_rate_takes_no_part(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rates(reporting, tenant, {"USD": {date(2026, 11, 1): "0.8"}})
    await project(
        reporting,
        publish_open(pipeline, tenant.rep, currency="CHF"),
        publish_closed(pipeline, tenant.rep.id, NOON, currency="USD"),
        publish_closed(pipeline, tenant.rep.id, NOON, currency="GBP"),
    )
    report = require_ok(await reporting.client(tenant.rep).get(URL, params=NOVEMBER))
    [item] = report["items"]
    assert (item["win_rate"], item["average_won"], item["velocity_per_day"]) == (1.0, "80.00", "8.00")
    assert report["missing_rates"] == ["GBP"]
    [item] = await read_items(reporting, tenant.rep, currency="CHF")
    assert (item["average_won"], item["average_cycle_days"], item["velocity_per_day"]) == (None, 10.0, None)


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await project(reporting, publish_open(pipeline, tenant.rep))
    client, headers = reporting.client(tenant.rep), {"Accept": "text/csv"}
    columns = "deals,win_rate,average_won,average_cycle_days,velocity_per_day,currency,missing_rates"
    answer = await client.get(URL, params=NOVEMBER, headers=headers)
    assert answer.text.splitlines() == [f"group,{columns}", ",1,,,,,EUR,"]
    answer = await client.get(URL, params={**NOVEMBER, "group_by": "owner"}, headers=headers)
    assert answer.text.splitlines() == [f"group,owner_name,{columns}", f"{tenant.rep.id},Rae Rep,1,,,,,EUR,"]


@pytest.mark.usefixtures("pipeline")
async def test_the_whole_of_time_by_month(reporting: Reporting, tenant: SeededTenant) -> None:
    items = await read_items(reporting, tenant.admin, **{"from": "1900-01-01", "to": "2200-12-31", "group_by": "month"})
    assert items[0]["group"] == "1900-01"
    assert items[-1]["group"] == max(item["group"] for item in items) < "2200-01"
