"""GET /v1/reports/attainment: rows, months, money, sight, parameters, CSV."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from services.reporting.tests.integration.attainment_stories import (
    publish,
    publish_open,
    publish_won,
    read_attainment,
    set_quota,
    set_rate,
)

from crm_reporting.consumers import keep_pipelines
from crm_reporting.reports.attainment.figures import NO_QUOTA, NO_RATE, REACHED
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/attainment"
NOVEMBER = {"from": "2026-11", "to": "2026-11"}
MID_NOVEMBER = datetime(2026, 11, 16, 12, tzinfo=UTC)
NO_FIGURES = {"attainment": NO_QUOTA, "coverage": NO_QUOTA}


async def read_report(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    return await read_attainment(client, **{**NOVEMBER, **parameters})


async def test_a_quarter_worked_by_hand(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Rae: 30,000 to win, 10,000 won, 25,000 open: a third, and 25,000 / 20,000. Otto has reached his."""
    for month in ("2026-10", "2026-11", "2026-12"):
        await set_quota(reporting, tenant, tenant.rep, month, "10000")
    await set_quota(reporting, tenant, tenant.rep, "2027-01", "999999")
    await set_quota(reporting, tenant, tenant.other_rep, "2026-12", "500.50")
    lost = DealStory(pipeline, tenant.rep.id, Decimal(7), stage="Closed Lost", at=MID_NOVEMBER)
    await publish(
        reporting,
        publish_won(pipeline, tenant.rep, MID_NOVEMBER, "4000"),
        publish_won(pipeline, tenant.rep, MID_NOVEMBER + timedelta(days=20), "6000"),
        publish_won(pipeline, tenant.rep, MID_NOVEMBER + timedelta(days=60), "1"),
        publish_open(pipeline, tenant.rep, date(2026, 10, 1), "5000"),
        publish_open(pipeline, tenant.rep, date(2026, 12, 31), "20000", stage="Negotiation"),
        publish_open(pipeline, tenant.rep, date(2027, 1, 1), "3"),
        publish_open(pipeline, tenant.rep, None, "3"),
        publish_won(pipeline, tenant.other_rep, MID_NOVEMBER, "500.50"),
        publish_open(pipeline, tenant.other_rep, date(2026, 11, 30), None),
        publish_open(pipeline, tenant.manager, date(2026, 11, 30), "10"),
        lost,
    )

    report = await read_report(reporting.client(tenant.admin), **{"from": "2026-10", "to": "2026-12"})

    assert report["pipeline_id"] == str(pipeline.id)
    assert (report["from"], report["to"], report["currency"]) == ("2026-10", "2026-12", "EUR")
    assert report["missing_rates"] == []
    assert report["items"] == [
        {"user_id": str(tenant.other_rep.id), "user_name": "Otto Other", "quota": "500.50", "won": "500.50",
         "attainment": 1.0, "open": "0.00", "coverage": None, "reasons": {"coverage": REACHED}},
        {"user_id": str(tenant.rep.id), "user_name": "Rae Rep", "quota": "30000.00", "won": "10000.00",
         "attainment": 0.3333, "open": "25000.00", "coverage": 1.25, "reasons": {}},
        {"user_id": str(tenant.manager.id), "user_name": "Mia Manager", "quota": "0.00", "won": "0.00",
         "attainment": None, "open": "10.00", "coverage": None, "reasons": NO_FIGURES},
    ]  # fmt: skip
    assert report["total"] == {
        "quota": "30500.50", "won": "10500.50", "attainment": 0.3443, "open": "25010.00", "coverage": 1.2505,
        "reasons": {},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "border"),
    [
        ("Europe/Berlin", datetime(2026, 11, 1, tzinfo=ZoneInfo("Europe/Berlin"))),  # a week after clocks went back
        ("Europe/Berlin", datetime(2026, 4, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
        ("Europe/Berlin", datetime(2027, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
        ("America/New_York", datetime(2026, 11, 1, tzinfo=ZoneInfo("America/New_York"))),  # two hours before they do
        ("America/New_York", datetime(2027, 1, 1, tzinfo=ZoneInfo("America/New_York"))),
        ("Africa/Cairo", datetime(2026, 11, 1, tzinfo=ZoneInfo("Africa/Cairo"))),
        ("Pacific/Kiritimati", datetime(2027, 1, 1, tzinfo=ZoneInfo("Pacific/Kiritimati"))),
    ],
)
async def test_a_month_begins_and_ends_by_the_reports_clocks(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, zone: str, border: datetime
) -> None:
    begin = border.astimezone(UTC)
    before, first = (border - timedelta(days=1)).strftime("%Y-%m"), border.strftime("%Y-%m")
    await publish(
        reporting,
        publish_won(pipeline, tenant.rep, begin - timedelta(microseconds=1), "1"),
        publish_won(pipeline, tenant.rep, begin, "10"),
        publish_won(pipeline, tenant.rep, begin + timedelta(minutes=1), "100"),
    )

    async def read(month: str, zone: str) -> str:
        parameters = {"from": month, "to": month, "time_zone": zone}
        report = await read_report(reporting.client(tenant.rep), **parameters)
        return str(report["total"]["won"])

    assert await read(before, zone) == "1.00"
    assert await read(first, zone) == "110.00"
    in_utc = await read(first, "UTC")
    assert in_utc == {True: "111.00", False: "0.00"}[begin.strftime("%Y-%m") == first]
    everything = await read_report(reporting.client(tenant.rep), **{"from": before, "to": first, "time_zone": zone})
    assert everything["total"]["won"] == "111.00"


async def test_without_months_it_is_the_present_one(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    client = reporting.client(tenant.rep)

    async def read(**parameters: str) -> tuple[str, str, str]:
        report = require_ok(await client.get(URL, params={"time_zone": "Asia/Tokyo", **parameters}))
        now = datetime.fromisoformat(report["as_of"]).astimezone(ZoneInfo("Asia/Tokyo"))
        return report["from"], report["to"], now.strftime("%Y-%m")

    first, last, present = await read()
    assert (first, last) == (present, present)
    first, last, present = await read(**{"from": "2020-02"})
    assert (first, last) == ("2020-02", present)
    first, last, present = await read(to="2150-02")
    assert (first, last) == (present, "2150-02")
    assert (await read(to="2020-02"))[:2] == ("2020-02", "2020-02")
    assert (await read(**{"from": "2150-02"}))[:2] == ("2150-02", "2150-02")
    assert (await read(**{"from": "1900-01", "to": "2200-12"}))[:2] == ("1900-01", "2200-12")
    assert pipeline.is_default


async def test_each_amount_takes_the_rate_of_its_own_day(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """A quota takes that of its month's first day, a won deal that of its closing, an open one today's."""
    for day, rate in (("2026-10-15", "0.5"), ("2026-11-01", "0.8"), ("2026-11-02", "0.9"), ("2026-11-17", "0.7")):
        await set_rate(reporting, tenant, "USD", day, rate)
    await set_rate(reporting, tenant, "USD", "2199-01-01", "99")
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "1000", currency="USD")
    late = datetime(2026, 11, 16, 23, 30, tzinfo=UTC)  # in Berlin it is the 17th already
    await publish(
        reporting,
        publish_won(pipeline, tenant.rep, late, "100", currency="USD"),
        publish_open(pipeline, tenant.rep, date(2026, 11, 2), "100", currency="USD"),
    )
    client = reporting.client(tenant.rep)

    total = (await read_report(client))["total"]
    assert (total["quota"], total["won"], total["open"]) == ("800.00", "70.00", "70.00")
    assert (await read_report(client, time_zone="UTC"))["total"]["won"] == "90.00"
    in_dollars = await read_report(client, currency="USD")
    assert [in_dollars["total"][name] for name in ("quota", "won", "open")] == ["1000.00", "100.00", "100.00"]
    assert in_dollars["missing_rates"] == []


async def test_what_has_no_rate_is_named_and_left_out(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await set_rate(reporting, tenant, "USD", "2026-11-02", "0.9")  # a day late for the quota
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "1000", currency="USD")
    await set_quota(reporting, tenant, tenant.other_rep, "2026-11", "100")
    await publish(
        reporting,
        publish_won(pipeline, tenant.rep, MID_NOVEMBER, "100", currency="USD"),
        publish_won(pipeline, tenant.other_rep, MID_NOVEMBER, "100", currency="GBP"),
        publish_open(pipeline, tenant.other_rep, date(2026, 11, 2), "100", currency="CHF"),
        publish_open(pipeline, tenant.other_rep, date(2026, 11, 2), None, currency="SEK"),  # nothing to convert
    )

    report = await read_report(reporting.client(tenant.admin))

    assert report["missing_rates"] == ["CHF", "GBP", "USD"]
    assert [(item["user_name"], item["quota"], item["won"], item["open"]) for item in report["items"]] == [
        ("Otto Other", "100.00", "0.00", "0.00"),
        ("Rae Rep", "0.00", "90.00", "0.00"),
    ]
    assert report["items"][1]["reasons"] == {"attainment": NO_RATE, "coverage": NO_RATE}
    assert (report["total"]["quota"], report["total"]["attainment"]) == ("100.00", 0.9)


async def test_a_won_deal_counts_as_it_stands_and_in_its_pipeline(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "100")
    deleted, reopened, again, edited = (
        publish_won(pipeline, tenant.rep, MID_NOVEMBER, amount) for amount in ("1", "10", "100", "1000")
    )
    deleted.delete()
    reopened.move("Proposal")
    again.move("Proposal")
    again.move("Closed Won", at=MID_NOVEMBER + timedelta(days=30))
    edited.edit(amount=Decimal(5))
    elsewhere = publish_won(other, tenant.rep, MID_NOVEMBER, "70")
    await publish(reporting, deleted, reopened, again, edited, elsewhere)
    client = reporting.client(tenant.rep)

    assert (await read_report(client))["total"]["won"] == "5.00"
    assert (await read_report(client, **{"from": "2026-12", "to": "2026-12"}))["total"]["won"] == "100.00"
    there = (await read_report(client, pipeline_id=str(other.id)))["total"]
    assert (there["won"], there["quota"], there["attainment"]) == ("70.00", "100.00", 0.7)


async def test_what_nobody_owned_when_it_closed_is_nobodys(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Not even hers who got it later."""
    story = DealStory(pipeline, tenant.rep.id, Decimal(40), at=MID_NOVEMBER)
    story.create()
    story.edit(owner_id=None)
    story.move("Closed Won")
    story.edit(owner_id=tenant.rep.id)
    await publish(reporting, story)

    report = await read_report(reporting.client(tenant.admin), **{"from": "2026-11", "to": "2026-11"})

    assert report["items"] == []


@pytest.mark.usefixtures("pipeline")
async def test_nothing_at_all(reporting: Reporting, tenant: SeededTenant) -> None:
    answer = await reporting.client(tenant.admin).get(URL)
    report = require_ok(answer)
    assert answer.headers["crm-source"] == "primary"
    assert report["items"] == []
    assert report["total"] == {
        "quota": "0.00", "won": "0.00", "attainment": None, "open": "0.00", "coverage": None, "reasons": NO_FIGURES,
    }  # fmt: skip
    strangers = await reporting.seed_tenant()
    require_problem(await reporting.client(strangers.admin).get(URL), 404, "not-found")


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await set_quota(reporting, tenant, tenant.rep, "2026-11", "1000")
    await set_quota(reporting, tenant, tenant.other_rep, "2026-11", "1", currency="GBP")
    await publish(reporting, publish_won(pipeline, tenant.rep, MID_NOVEMBER, "1000"))

    client = reporting.client(tenant.admin)
    answer = await client.get(URL, params=NOVEMBER, headers={"Accept": "text/csv"})

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["crm-source"] == "primary"
    rows: Sequence[dict[str, str]] = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    common = {"from": "2026-11", "to": "2026-11", "currency": "EUR", "missing_rates": "GBP"}
    assert rows == [
        {"user_id": str(tenant.rep.id), "user_name": "Rae Rep", "quota": "1000.00", "won": "1000.00",
         "attainment": "1.0", "attainment_reason": "", "open": "0.00", "coverage": "", "coverage_reason": REACHED,
         **common},
        {"user_id": str(tenant.other_rep.id), "user_name": "Otto Other", "quota": "0.00", "won": "0.00",
         "attainment": "", "attainment_reason": NO_RATE, "open": "0.00", "coverage": "", "coverage_reason": NO_RATE,
         **common},
    ]  # fmt: skip


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"from": "2026-11-01"}, "?from"),
        ({"from": "2026-13"}, "?from"),
        ({"from": "1899-12"}, "?from"),
        ({"to": "november"}, "?to"),
        ({"to": "2201-01"}, "?to"),
        ({"from": "2026-12", "to": "2026-11"}, "?from"),
        ({"pipeline_id": "sales"}, "?pipeline_id"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"currency": "EURO"}, "?currency"),
        ({"time_zone": "Berlin"}, "?time_zone"),
        ({"group_by": "month"}, "?group_by"),
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
    require_problem(await client.put(URL), 405)
    require_problem(await reporting.client_with(None).get(URL), 401, "unauthenticated")
