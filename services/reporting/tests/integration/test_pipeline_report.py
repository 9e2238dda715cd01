"""GET /v1/reports/pipeline: rows, money, sight, parameters, CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/pipeline"
STAGES = ["Qualification", "Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost"]


async def publish(reporting: Reporting, *stories: DealStory) -> None:
    for story in stories:
        if not story.events:
            story.create()
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def read_report(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    return require_ok(await client.get(URL, params=parameters))


def by_stage(report: Mapping[str, Any], field: str) -> list[Any]:
    return [item[field] for item in report["items"]]


async def set_rate(reporting: Reporting, tenant: SeededTenant, currency: str, effective_on: str, rate: str) -> None:
    body = {"currency": currency, "effective_on": effective_on, "rate": rate}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=body))


async def test_every_stage_has_a_row_in_order(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    won = DealStory(pipeline, tenant.rep.id, Decimal("40.00"))
    won.create()
    won.move("Closed Won")
    lost = DealStory(pipeline, tenant.rep.id, Decimal("7.00"), stage="Closed Lost")
    proposals = [DealStory(pipeline, tenant.rep.id, amount, stage="Proposal") for amount in (Decimal("0.05"), None)]
    await publish(reporting, won, lost, *proposals)

    report = await read_report(reporting.client(tenant.admin))

    assert report["pipeline_id"] == str(pipeline.id)
    assert (report["currency"], report["missing_rates"]) == ("EUR", [])
    assert datetime.now(UTC) - datetime.fromisoformat(report["as_of"]) < timedelta(minutes=1)
    assert by_stage(report, "stage_name") == STAGES
    assert by_stage(report, "stage_id") == [str(pipeline.stage(name).id) for name in STAGES]
    assert by_stage(report, "kind") == ["OPEN", "OPEN", "OPEN", "OPEN", "WON", "LOST"]
    assert by_stage(report, "deal_count") == [0, 0, 2, 0, 1, 1]
    assert by_stage(report, "total") == ["0.00", "0.00", "0.05", "0.00", "40.00", "7.00"]
    assert by_stage(report, "weighted") == ["0.00", "0.00", "0.02", "0.00", "40.00", "0.00"]  # 0.025, half to even


async def test_ages_run_from_creation_and_from_the_last_move(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    old = DealStory(pipeline, tenant.rep.id, stage="Discovery", at=now - timedelta(days=30))
    moved = DealStory(pipeline, tenant.rep.id, at=now - timedelta(days=10))
    moved.create()
    moved.move("Discovery", at=now - timedelta(days=4))
    await publish(reporting, old, moved)

    report = await read_report(reporting.client(tenant.admin))

    assert by_stage(report, "average_age_days")[1] == pytest.approx(20, abs=0.01)
    assert by_stage(report, "average_days_in_stage")[1] == pytest.approx(17, abs=0.01)
    assert by_stage(report, "average_age_days")[0] is None


async def test_each_sees_their_own(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    owners = {tenant.admin: 1, tenant.manager: 2, tenant.rep: 4, tenant.other_rep: 8}
    await publish(reporting, *(DealStory(pipeline, owner.id) for owner, count in owners.items() for _ in range(count)))
    strangers = await reporting.seed_tenant()

    async def count(person: Person, **parameters: Any) -> int:
        report = await read_report(reporting.client(person), **parameters)
        return sum(by_stage(report, "deal_count"))

    assert {person.role: await count(person) for person in (tenant.admin, tenant.manager)} == {
        "ADMIN": 15,
        "MANAGER": 6,
    }
    assert [await count(person) for person in (tenant.rep, tenant.other_rep)] == [4, 8]
    assert await count(tenant.admin, owner_id=[tenant.rep.id, tenant.other_rep.id]) == 12
    assert await count(tenant.manager, owner_id=[tenant.rep.id, tenant.other_rep.id]) == 4
    assert await count(tenant.rep, owner_id=[tenant.manager.id]) == 0
    assert await count(tenant.admin, owner_id=[new_id()]) == 0
    for stranger in strangers.people:
        require_problem(await reporting.client(stranger).get(URL, params={"pipeline_id": str(pipeline.id)}), 404)


async def test_only_foreign_closed_deals_of_sight_are_converted(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """The facts that closed deals are read from obey the same sight as the rollup."""
    await set_rate(reporting, tenant, "USD", "2026-01-01", "0.5")
    for owner in tenant.people:
        await publish(reporting, DealStory(pipeline, owner.id, Decimal(100), "USD", stage="Closed Won"))

    totals = [by_stage(await read_report(reporting.client(person)), "total")[4] for person in tenant.people]
    assert totals == ["200.00", "100.00", "50.00", "50.00"]
    report = await read_report(reporting.client(tenant.manager), owner_id=[tenant.rep.id])
    assert by_stage(report, "total")[4] == "50.00"


async def test_open_deals_take_todays_rate_and_closed_ones_that_of_their_day(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    for day, rate in (("2026-01-01", "0.80"), ("2026-11-05", "0.90"), ("2099-01-01", "7")):
        await set_rate(reporting, tenant, "USD", day, rate)
    late = datetime(2026, 11, 4, 23, 30, tzinfo=UTC)  # in Berlin it is the 5th already
    early = late - timedelta(hours=3)
    open_deal = DealStory(pipeline, tenant.rep.id, Decimal(100), "USD")
    closed = [
        DealStory(pipeline, tenant.rep.id, Decimal(100), "USD", stage="Closed Won", at=at) for at in (early, late)
    ]
    await publish(reporting, open_deal, *closed)
    client = reporting.client(tenant.admin)

    report = await read_report(client)
    assert by_stage(report, "total") == ["90.00", "0.00", "0.00", "0.00", "170.00", "0.00"]
    assert by_stage(report, "weighted")[0] == "9.00"
    assert report["missing_rates"] == []
    assert by_stage(await read_report(client, time_zone="UTC"), "total")[4] == "160.00"
    in_dollars = await read_report(client, currency="USD")
    assert (in_dollars["currency"], by_stage(in_dollars, "total")[4]) == ("USD", "200.00")


async def test_money_is_converted_between_foreign_currencies_and_rounded_once(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", "2026-01-01", "0.9")
    await set_rate(reporting, tenant, "JPY", "2026-01-01", "0.007")
    await publish(reporting, *(DealStory(pipeline, tenant.rep.id, Decimal("0.01"), "USD") for _ in range(3)))
    await publish(reporting, DealStory(pipeline, tenant.rep.id, Decimal("0.35")))  # of the base: 50 yen exactly

    report = await read_report(reporting.client(tenant.admin), currency="JPY")
    assert by_stage(report, "total")[0] == "54"  # 50 + 3 x 1.2857: one by one they would be 53


async def test_a_missing_rate_is_named_and_its_deals_are_counted(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", "2026-11-03", "0.9")
    before = datetime(2026, 11, 1, tzinfo=UTC)
    await publish(
        reporting,
        DealStory(pipeline, tenant.rep.id, Decimal(10)),
        DealStory(pipeline, tenant.rep.id, Decimal(10), "GBP"),
        DealStory(pipeline, tenant.rep.id, None, "CHF"),  # nothing to convert
        DealStory(pipeline, tenant.rep.id, Decimal(10), "USD", stage="Closed Won", at=before),
        DealStory(pipeline, tenant.rep.id, Decimal(10), "USD", stage="Closed Won"),
    )
    client = reporting.client(tenant.admin)

    report = await read_report(client)
    assert report["missing_rates"] == ["GBP", "USD"]
    assert by_stage(report, "deal_count") == [3, 0, 0, 0, 2, 0]
    assert by_stage(report, "total") == ["10.00", "0.00", "0.00", "0.00", "0.00", "0.00"]
    assert (await read_report(client, currency="SEK"))["missing_rates"] == ["GBP", "SEK", "USD"]


@pytest.mark.usefixtures("pipeline")
async def test_a_named_pipeline_and_a_removed_stage(reporting: Reporting, tenant: SeededTenant) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    story = DealStory(other, tenant.rep.id)
    await publish(reporting, story)
    client = reporting.client(tenant.rep)
    assert sum(by_stage(await read_report(client), "deal_count")) == 0

    shorter = other.republished(stages=(*other.stages[2:], other.stages[1]))
    await keep_pipelines([shorter.publish()], reporting.database)
    report = await read_report(client, pipeline_id=str(other.id))
    assert by_stage(report, "stage_name") == [*STAGES[2:], "Discovery", "Qualification"]
    assert by_stage(report, "deal_count")[-1] == 1

    await project_deals(list(story.move("Proposal")), reporting.database)
    report = await read_report(client, pipeline_id=str(other.id))
    assert by_stage(report, "stage_name") == [*STAGES[2:], "Discovery"]


async def test_a_tenant_without_a_pipeline_yet(reporting: Reporting, tenant: SeededTenant) -> None:
    require_problem(await reporting.client(tenant.admin).get(URL), 404, "not-found")


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    evil = pipeline.republished(stages=tuple(
        stage if stage.name != "Discovery" else type(stage)(stage.id, '=HYPERLINK("x";"y")', 25, "OPEN")
        for stage in pipeline.stages
    ))  # fmt: skip
    await keep_pipelines([evil.publish()], reporting.database)
    await publish(reporting, DealStory(pipeline, tenant.rep.id), DealStory(pipeline, tenant.rep.id, currency="USD"))

    answer = await reporting.client(tenant.admin).get(URL, headers={"Accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows: Sequence[dict[str, str]] = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["stage_name"] for row in rows] == ["Qualification", '\'=HYPERLINK("x";"y")', *STAGES[2:]]
    assert (rows[0]["deal_count"], rows[0]["total"], rows[0]["currency"]) == ("2", "1000.00", "EUR")
    assert {row["missing_rates"] for row in rows} == {"USD"}
    assert rows[1]["average_age_days"] == ""


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"pipeline_id": "sales"}, "?pipeline_id"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"currency": "EURO"}, "?currency"),
        ({"currency": "XAU"}, "?currency"),
        ({"time_zone": "Berlin"}, "?time_zone"),
        ({"time_zone": "../etc/passwd"}, "?time_zone"),
        ({"time_zone": "Factory"}, "?time_zone"),
        ({"as_of": "2199-11-01T00:00:00Z"}, "?as_of"),
        ({"as_of": "2026-11-01"}, "?as_of"),
        ({"as_of": "1899-12-31T23:59:59Z"}, "?as_of"),
        ({"limit": "5"}, "?limit"),
    ],
)
async def test_bad_parameters_are_named(
    reporting: Reporting, tenant: SeededTenant, parameters: dict[str, str], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).get(URL, params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.usefixtures("pipeline")
async def test_unknown_pipelines_and_strangers(reporting: Reporting, tenant: SeededTenant) -> None:
    client = reporting.client(tenant.admin)
    require_problem(await client.get(URL, params={"pipeline_id": str(new_id())}), 404, "not-found")
    require_problem(await client.post(URL), 405)
    require_problem(await reporting.client_with(None).get(URL), 401, "unauthenticated")
