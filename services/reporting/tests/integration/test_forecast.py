"""GET /v1/reports/forecast: by hand, and equal to a plain recomputation of what was told, now and in the past."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.reporting.tests.integration.lives import as_of, deliver, live

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.months import first_day_of, last_day_of
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/forecast"
CENT = Decimal("0.01")
MONEY = ("committed", "weighted", "open", "total")


async def publish(reporting: Reporting, *stories: DealStory) -> None:
    for story in stories:
        if not story.events:
            story.create()
    await project_deals([event for story in stories for event in story.events], reporting.database)


async def read_items(reporting: Reporting, person: Person, **asked: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = require_ok(await reporting.client(person).get(URL, params=asked))["items"]
    return items


def round_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def recompute(
    stories: Sequence[DealStory], moment: datetime, seen: Sequence[Person], first: date, last: date, zone: str
) -> list[dict[str, Any]]:
    """Say each month's figures from what was told. A dollar is half a euro at all times."""
    rows: dict[str, dict[str, Any]] = {}
    for story in stories:
        values = as_of(story, moment)
        if values is None or story.state["owner_id"] not in {person.id for person in seen}:
            continue
        is_open = values["status"] == "OPEN"
        day = values["close_date"] if is_open else values["closed_at"].astimezone(ZoneInfo(zone)).date()
        if values["status"] == "LOST" or day is None or not first <= day <= last:
            continue
        row = rows.setdefault(
            f"{day:%Y-%m}", dict.fromkeys(("committed", "weighted", "open", "deal_count"), Decimal(0))
        )
        amount = (values["amount"] or Decimal(0)) * (Decimal("0.5") if values["currency"] == "USD" else 1)
        stage = next(stage for stage in story.pipeline.stages if stage.id == values["stage_id"])
        row["deal_count"] += 1
        row["open" if is_open else "committed"] += amount
        row["weighted"] += amount * stage.win_probability / 100 if is_open else 0
    return [
        {
            "month": month,
            **{name: str(round_cents(rows[month][name])) for name in ("committed", "weighted", "open")},
            "total": str(round_cents(rows[month]["committed"]) + round_cents(rows[month]["weighted"])),
            "deal_count": int(rows[month]["deal_count"]),
        }
        for month in sorted(rows)
    ]


async def test_by_hand(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    rep = tenant.rep.id
    won = DealStory(pipeline, rep, Decimal("40.00"), close_date=date(2027, 3, 1), at=datetime(2026, 11, 3, tzinfo=UTC))
    won.create()
    won.move("Closed Won")
    lost = DealStory(pipeline, rep, Decimal("7.00"), stage="Closed Lost", close_date=date(2026, 11, 9))
    half = DealStory(pipeline, rep, Decimal("0.05"), stage="Proposal", close_date=date(2026, 11, 30))
    later = DealStory(pipeline, rep, Decimal(100), stage="Negotiation", close_date=date(2027, 1, 31))
    undated = DealStory(pipeline, rep, Decimal(1000), close_date=None)
    await publish(reporting, won, lost, half, later, undated)

    window = {"from": "2026-11-01", "to": "2027-12-31"}
    for asked in (window, {**window, "as_of": datetime.now(UTC).isoformat()}):
        assert [tuple(item.values()) for item in await read_items(reporting, tenant.rep, **asked)] == [
            ("2026-11", "40.00", "0.02", "0.05", "40.02", 2),  # 0.025, half to even
            ("2027-01", "0.00", "75.00", "100.00", "75.00", 1),
        ]


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        ("2026-11-30", "2026-11-30", {"2026-11": 1}),
        ("2026-11-01", "2026-11-29", {}),
        ("2026-12-01", "2026-12-15", {"2026-12": 1}),
        ("2026-12-02", "2027-01-31", {"2026-12": 1, "2027-01": 2}),
        ("2026-11-30", "2027-01-30", {"2026-11": 1, "2026-12": 2, "2027-01": 1}),
        ("1900-01-01", "2200-12-31", {"2026-11": 1, "2026-12": 2, "2027-01": 2}),
    ],
)
async def test_days_at_the_ends_count_and_no_others(
    reporting: Reporting,
    tenant: SeededTenant,
    pipeline: PublishedPipeline,
    first: str,
    last: str,
    months: dict[str, int],
) -> None:
    days = [(2026, 11, 30), (2026, 12, 1), (2026, 12, 31), (2027, 1, 1), (2027, 1, 31)]
    await publish(reporting, *(DealStory(pipeline, tenant.rep.id, close_date=date(*day)) for day in days))
    for asked in ({}, {"as_of": datetime.now(UTC).isoformat()}):
        items = await read_items(reporting, tenant.manager, **{"from": first, "to": last}, **asked)
        assert {item["month"]: item["deal_count"] for item in items} == months


async def test_a_won_deal_counts_in_the_month_that_its_clocks_showed(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    won = DealStory(pipeline, tenant.rep.id, stage="Closed Won", at=datetime(2026, 10, 31, 23, tzinfo=UTC))
    await publish(reporting, won)
    # It is midnight in Berlin: the first moment of November, and not the last one of October.
    for zone, month, first in (
        ("Europe/Berlin", "2026-11", "2026-11-01"),
        ("America/New_York", "2026-10", "2026-10-31"),
    ):
        asked = {"from": first, "to": "2026-11-30", "time_zone": zone}
        for moment in ({}, {"as_of": datetime.now(UTC).isoformat()}):
            assert [item["month"] for item in await read_items(reporting, tenant.rep, **asked, **moment)] == [month]
            before = {**asked, "from": "2026-10-01", "to": "2026-10-31" if month == "2026-11" else "2026-10-30"}
            assert await read_items(reporting, tenant.rep, **before, **moment) == []


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_any_moment_is_what_was_told_of_it(reporting: Reporting, data: st.DataObject) -> None:
    tenant = await reporting.seed_tenant()
    pipeline = PublishedPipeline.sales(tenant.id)
    await keep_pipelines([pipeline.publish()], reporting.database)
    rate = {"currency": "USD", "effective_on": "2026-01-01", "rate": "0.5"}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=rate))
    stories = [
        live(data, pipeline, [person.id for person in tenant.people]) for _ in range(data.draw(st.integers(1, 5)))
    ]
    for batch in deliver(data, [event for story in stories for event in story.events]):
        await project_deals(batch, reporting.database)

    zone = data.draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
    first, last = sorted(data.draw(st.tuples(*[st.dates(date(2026, 10, 1), date(2027, 2, 1))] * 2)))
    if data.draw(st.booleans()):  # months are added up of sums
        first, last = first_day_of(first), last_day_of(last)
    asked = {"from": str(first), "to": str(last), "time_zone": zone}
    moments = sorted({entry["changed_at"] for story in stories for entry in story.value_history})
    moment = data.draw(st.sampled_from(moments)) + timedelta(microseconds=data.draw(st.integers(-1, 1)))
    for person, seen in ((tenant.admin, tenant.people), (tenant.manager, [tenant.manager, tenant.rep])):
        expected = recompute(stories, moment, seen, first, last, zone)
        assert await read_items(reporting, person, **asked, as_of=moment.isoformat()) == expected
        assert await read_items(reporting, person, **asked) == recompute(stories, moments[-1], seen, first, last, zone)


async def test_each_sees_their_own(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await publish(
        reporting,
        *(DealStory(pipeline, person.id, Decimal(10**number)) for number, person in enumerate(tenant.people)),
    )
    sums = [(await read_items(reporting, person, **{"from": "2026-01-01"}))[0]["open"] for person in tenant.people]
    assert sums == ["1111.00", "110.00", "100.00", "1000.00"]
    owner_ids = [str(tenant.rep.id), str(tenant.other_rep.id)]
    asked = {"from": "2026-12-01", "owner_id": owner_ids}
    assert (await read_items(reporting, tenant.manager, **asked))[0]["open"] == "100.00"
    strangers = await reporting.seed_tenant()
    answer = await reporting.client(strangers.admin).get(URL, params={"pipeline_id": str(pipeline.id)})
    require_problem(answer, 404)


async def test_a_currency_without_a_rate_is_named(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, DealStory(pipeline, tenant.rep.id, Decimal(5), "GBP"), DealStory(pipeline, tenant.rep.id))
    answer = await reporting.client(tenant.rep).get(URL, params={"from": "2026-01-01"})
    report = require_ok(answer)
    assert report["missing_rates"] == ["GBP"]
    assert [(item["deal_count"], item["open"]) for item in report["items"]] == [(2, "1000.00")]
    assert answer.headers["Crm-Source"] == "primary"


async def test_as_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await publish(reporting, DealStory(pipeline, tenant.rep.id))
    headers = {"Accept": "text/csv"}
    answer = await reporting.client(tenant.rep).get(URL, params={"from": "2026-12-01"}, headers=headers)
    [row] = csv.DictReader(io.StringIO(answer.text))
    assert row == {
        "month": "2026-12",
        "committed": "0.00",
        "weighted": "100.00",
        "open": "1000.00",
        "total": "100.00",
        "deal_count": "1",
        "currency": "EUR",
        "missing_rates": "",
    }


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from": "2026-12-01", "to": "2026-11-30"}, "?from"),
        ({"from": "2026-12"}, "?from"),
        ({"to": "1899-12-31"}, "?to"),
        ({"as_of": "2199-01-01T00:00:00Z"}, "?as_of"),
        ({"from_": "2026-12-01"}, "?from_"),
        ({"month": "2026-12"}, "?month"),
    ],
)
async def test_bad_parameters_are_named(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, asked: dict[str, str], field: str
) -> None:
    assert pipeline.tenant_id == tenant.id
    require_problem(await reporting.client(tenant.rep).get(URL, params=asked), 422, "invalid-field", field)


async def test_without_days_a_year_is_forecast_from_this_month_on(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    days = [date(2026, 10, 31), date(2026, 11, 1), date(2027, 10, 31), date(2027, 11, 1)]
    await publish(reporting, *(DealStory(pipeline, tenant.rep.id, close_date=day, at=BEGAN_AT) for day in days))
    items = await read_items(reporting, tenant.rep, as_of="2026-11-15T12:00:00Z")
    assert [item["month"] for item in items] == ["2026-11", "2027-10"]
