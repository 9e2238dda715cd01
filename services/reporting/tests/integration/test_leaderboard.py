"""GET /v1/reports/leaderboard: the order, who has a row, the default month, CSV."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, project, publish_closed, set_rates

from crm_reporting.consumers import keep_shares
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import Person, SeededTenant, make_person, seed_people
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines

URL = "/v1/reports/leaderboard"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


async def read_report(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(URL, params={**NOVEMBER, **parameters}))


async def list_rows(reporting: Reporting, person: Person, **parameters: Any) -> list[tuple[str, int, str]]:
    report = await read_report(reporting, person, **parameters)
    return [(item["owner_name"], item["won_count"], item["won_amount"]) for item in report["items"]]


async def test_the_best_stand_first(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """By amount; of one amount by the number of deals; of that too by name. Who has won nothing is left out."""
    zoe = make_person(tenant.id, "Zoe Zeal", tenant.rep.role)
    await seed_people(reporting.database, [zoe])
    wins = {
        zoe: ("60.00", "40.00"),
        tenant.rep: ("100.00",),
        tenant.other_rep: ("100.00",),
        tenant.admin: (None, "0.00"),
    }
    nobody = publish_closed(pipeline, tenant.rep.id, NOON, "5000.00", currency="CHF")
    nobody.edit(owner_id=None)
    await project(
        reporting,
        nobody,
        *(publish_closed(pipeline, owner.id, NOON, amount) for owner, amounts in wins.items() for amount in amounts),
        publish_closed(pipeline, tenant.manager.id, NOON, to="Closed Lost"),
        publish_closed(pipeline, tenant.manager.id, NOON - timedelta(days=30)),
    )

    report = await read_report(reporting, tenant.admin)

    assert report == {
        "pipeline_id": str(pipeline.id),
        "as_of": report["as_of"],
        **NOVEMBER,
        "currency": "EUR",
        "items": [
            {"owner_id": str(owner.id), "owner_name": owner.full_name, "won_count": count, "won_amount": amount}
            for owner, count, amount in (
                (zoe, 2, "100.00"),
                (tenant.other_rep, 1, "100.00"),
                (tenant.rep, 1, "100.00"),
                (tenant.admin, 2, "0.00"),
            )
        ],
        "missing_rates": [],
    }


async def test_each_sees_their_own(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    shared = new_id()
    shares = [{"user_id": tenant.rep.id, "permission": "READ"}]
    event = make_contact_event(tenant.id, tenant.other_rep.id, contact_id=shared, shares=shares)
    await keep_shares([event], reporting.database)
    await project(
        reporting,
        *(publish_closed(pipeline, person.id, NOON) for person in tenant.people),
        publish_closed(pipeline, tenant.other_rep.id, NOON, "7.00", contact_id=shared),
    )
    assert await list_rows(reporting, tenant.manager) == [("Mia Manager", 1, "100.00"), ("Rae Rep", 1, "100.00")]
    assert await list_rows(reporting, tenant.rep) == [("Rae Rep", 1, "100.00"), ("Otto Other", 1, "7.00")]
    assert await list_rows(reporting, tenant.other_rep) == [("Otto Other", 2, "107.00")]
    assert len(await list_rows(reporting, tenant.admin)) == 4
    assert await list_rows(reporting, tenant.rep, owner_id=[tenant.manager.id]) == []
    assert await list_rows(reporting, tenant.admin, owner_id=[tenant.rep.id]) == [("Rae Rep", 1, "100.00")]
    strangers = await reporting.seed_tenant()
    answer = await reporting.client(strangers.admin).get(URL, params={"pipeline_id": str(pipeline.id)})
    require_problem(answer, 404, "not-found")


async def test_money_converts_at_the_closing_days_rate(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rates(reporting, tenant, {"USD": {date(2026, 11, 1): "0.5", date(2026, 11, 11): "0.9"}})
    await project(
        reporting,
        publish_closed(pipeline, tenant.rep.id, NOON, "0.01", currency="USD"),
        publish_closed(pipeline, tenant.rep.id, NOON, "0.02", currency="USD"),
        publish_closed(pipeline, tenant.rep.id, NOON, "10.00", currency="GBP"),
        publish_closed(pipeline, tenant.other_rep.id, NOON + timedelta(days=1), "0.01", currency="USD"),
    )
    report = await read_report(reporting, tenant.admin)
    rows = [(item["owner_name"], item["won_count"], item["won_amount"]) for item in report["items"]]
    assert rows == [("Rae Rep", 3, "0.02"), ("Otto Other", 1, "0.01")]  # 0.015 and 0.009, rounded once
    assert report["missing_rates"] == ["GBP"]


@pytest.mark.usefixtures("pipeline")
async def test_the_window_is_the_present_month_unless_told(reporting: Reporting, tenant: SeededTenant) -> None:
    client = reporting.client(tenant.rep)

    async def read(**parameters: str) -> tuple[date, date]:
        report = require_ok(await client.get(URL, params={**parameters, "time_zone": "UTC"}))
        return date.fromisoformat(report["from"]), date.fromisoformat(report["to"])

    first, last = await read()
    assert (first.day, (last + timedelta(days=1)).day) == (1, 1)
    assert timedelta(days=27) <= last - first <= timedelta(days=30)
    assert first <= datetime.now(UTC).date() <= last + timedelta(days=1)  # a month may end meanwhile
    assert await read(to="2026-02-10") == (date(2026, 2, 1), date(2026, 2, 10))
    assert (await read(**{"from": "2026-02-10"}))[0] == date(2026, 2, 10)
    assert await read(to="1900-01-05") == (date(1900, 1, 1), date(1900, 1, 5))
    assert await read(to="2200-12-31") == (date(2200, 12, 1), date(2200, 12, 31))


@pytest.mark.usefixtures("pipeline")
async def test_nobody_has_won_and_no_pipeline(reporting: Reporting, tenant: SeededTenant) -> None:
    report = await read_report(reporting, tenant.admin)
    assert (report["items"], report["missing_rates"]) == ([], [])
    newcomers = await reporting.seed_tenant()
    require_problem(await reporting.client(newcomers.admin).get(URL), 404, "not-found")


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await project(reporting, publish_closed(pipeline, tenant.rep.id, NOON))
    answer = await reporting.client(tenant.rep).get(URL, params=NOVEMBER, headers={"Accept": "text/csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="leaderboard.csv"'
    assert answer.text.splitlines() == [
        "owner_id,owner_name,won_count,won_amount,currency,missing_rates",
        f"{tenant.rep.id},Rae Rep,1,100.00,EUR,",
    ]
