"""Windows of closed deals: which days are in them, by default too, and which parameters are refused."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, project, publish_closed

from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import Person, SeededTenant

pytestmark = pytest.mark.engines

URL = "/v1/reports/win-rate"
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-30"}


async def read_report(reporting: Reporting, person: Person, **parameters: Any) -> dict[str, Any]:
    return require_ok(await reporting.client(person).get(URL, params={**NOVEMBER, **parameters}))


async def count_closed(reporting: Reporting, person: Person, **parameters: Any) -> tuple[int, int]:
    report = await read_report(reporting, person, **parameters)
    return sum(item["won"] for item in report["items"]), sum(item["lost"] for item in report["items"])


async def test_months_stand_in_order_by_local_days(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    moments = [
        datetime(2026, 10, 31, 22, 59, tzinfo=UTC),  # in Berlin, an hour ahead since the 25th, still October
        datetime(2026, 10, 31, 23, 0, tzinfo=UTC),
        datetime(2026, 9, 30, 22, 0, tzinfo=UTC),  # in Berlin October, as clocks are two hours ahead
        datetime(2026, 9, 30, 21, 59, tzinfo=UTC),
    ]
    await project(reporting, *(publish_closed(pipeline, tenant.rep.id, moment) for moment in moments))
    autumn = {"from": "2026-09-01", "to": "2026-11-30", "group_by": "month"}

    async def count(**parameters: Any) -> dict[str, int]:
        report = await read_report(reporting, tenant.rep, **{**autumn, **parameters})
        return {item["group"]: item["won"] for item in report["items"]}

    assert list((await count()).items()) == [("2026-09", 1), ("2026-10", 2), ("2026-11", 1)]
    assert await count(time_zone="UTC") == {"2026-09": 2, "2026-10": 2}
    assert await count(**{"from": "2026-10-31", "to": "2026-10-31"}) == {"2026-10": 1}
    assert await count(**{"from": "2026-11-01", "to": "2026-11-01"}) == {"2026-11": 1}
    assert await count(**{"from": "2026-10-02", "to": "2026-10-30"}) == {}


async def test_a_day_of_23_or_25_hours_is_a_whole_day(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    days = {
        "2026-03-29": ("2026-03-28T23:00", "2026-03-29T22:00"),
        "2026-10-25": ("2026-10-24T22:00", "2026-10-25T23:00"),
    }
    for begin, end in days.values():
        for moment in (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (begin, end)):
            await project(
                reporting,
                publish_closed(pipeline, tenant.rep.id, moment),
                publish_closed(pipeline, tenant.rep.id, moment - timedelta(microseconds=1), to="Closed Lost"),
            )
    for day in days:
        assert await count_closed(reporting, tenant.rep, **{"from": day, "to": day}) == (1, 1)


async def test_the_window_is_the_last_30_days_unless_told(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    await project(
        reporting, *(publish_closed(pipeline, tenant.rep.id, now - timedelta(days=age)) for age in (2, 27, 33))
    )
    client = reporting.client(tenant.rep)

    async def read(**parameters: str) -> tuple[date, date, int]:
        report = require_ok(await client.get(URL, params=parameters))
        first, last = date.fromisoformat(report["from"]), date.fromisoformat(report["to"])
        return first, last, sum(item["won"] for item in report["items"])

    first, last, won = await read()
    assert (last - first, won) == (timedelta(days=29), 2)
    assert await read(to="2026-01-31") == (date(2026, 1, 2), date(2026, 1, 31), 0)
    assert await read(to="1900-01-01") == (date(1900, 1, 1), date(1900, 1, 1), 0)
    assert (await read(**{"from": "1900-01-01"}))[2] == 3
    assert await read(**{"from": "2200-12-31"}) == (date(2200, 12, 31), date(2200, 12, 31), 0)
    assert (await read(**{"from": "1900-01-01", "to": "2200-12-31", "group_by": "month"}))[2] == 3


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("path", [URL, "/v1/reports/leaderboard", "/v1/reports/velocity"])
@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"from": "2026-11-02", "to": "2026-11-01"}, "?from"),
        ({"from": "yesterday"}, "?from"),
        ({"from": "2026"}, "?from"),
        ({"to": "2026-11-31"}, "?to"),
        ({"to": "2201-01-01"}, "?to"),
        ({"from_": "2026-11-01"}, "?from_"),
        ({"group_by": "stage"}, "?group_by"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"currency": "EURO"}, "?currency"),
        ({"time_zone": "Berlin"}, "?time_zone"),
        ({"pipeline_id": "sales"}, "?pipeline_id"),
        ({"as_of": "2026-11-01T00:00:00Z"}, "?as_of"),
    ],
)
async def test_bad_parameters_are_named(
    reporting: Reporting, tenant: SeededTenant, path: str, parameters: dict[str, str], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).get(path, params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


@pytest.mark.usefixtures("pipeline")
@pytest.mark.parametrize("path", [URL, "/v1/reports/leaderboard", "/v1/reports/velocity"])
async def test_unknown_pipelines_and_strangers(reporting: Reporting, tenant: SeededTenant, path: str) -> None:
    answer = await reporting.client(tenant.admin).get(path, params={"pipeline_id": str(new_id())})
    require_problem(answer, 404, "not-found")
    require_problem(await reporting.client_with(None).get(path), 401, "unauthenticated")
