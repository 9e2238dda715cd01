"""Days that clocks went back into: every report counts each instant in one day, for whoever asks."""

from datetime import date, datetime, timedelta
from typing import Any, Final

import pytest
from services.reporting.tests.integration.closed_deals import Reporting, project, publish_closed, set_rates
from services.reporting.tests.integration.mail_stories import publish_activity

from crm_reporting.consumers import keep_activities
from crm_reporting.reports.zone_days import ZoneDays
from crm_shared.clock import new_id
from crm_shared.database import Where
from crm_shared.local_days import day_of, day_returns
from crm_testing.answers import require_ok
from crm_testing.deal_stories import PublishedPipeline
from crm_testing.people import Person, SeededTenant

pytestmark = pytest.mark.engines

ZONE: Final = "America/Phoenix"
# At a minute past midnight clocks went back to 23:01 of 30 September. The second of these was shown as 1 October.
MOMENTS: Final = [
    datetime.fromisoformat(f"1944-10-01T{clock}Z") for clock in ("05:59:59", "06:00:30", "06:30", "07:00", "07:30")
]
LAST, FIRST = "1944-09-30", "1944-10-01"
COUNTED: Final = {LAST: 3, FIRST: 2}
RATES: Final = {"USD": {date(1944, 1, 1): "1", date(1944, 10, 1): "100"}}


async def read(reporting: Reporting, person: Person, report: str, **parameters: str) -> dict[str, Any]:
    answer: dict[str, Any] = require_ok(
        await reporting.client(person).get(f"/v1/reports/{report}", params={"time_zone": ZONE, **parameters})
    )
    return answer


def on(day: str) -> dict[str, str]:
    return {"from": day, "to": day}


async def test_activities(reporting: Reporting, tenant: SeededTenant) -> None:
    for at in MOMENTS:
        message, reply = (
            publish_activity(tenant, "EMAIL", tenant.rep, at + wait, direction=direction, thread_id=thread)
            for thread in [new_id()]
            for direction, wait in (("INBOUND", timedelta(0)), ("OUTBOUND", timedelta(days=3)))
        )
        sent = publish_activity(tenant, "EMAIL", tenant.rep, at, direction="OUTBOUND")
        task = publish_activity(tenant, "TASK", tenant.rep, at, completed_at=at)
        await keep_activities([activity.publish() for activity in (message, reply, sent, task)], reporting.database)
    for person in (tenant.admin, tenant.manager, tenant.rep):
        for day, count in COUNTED.items():
            metrics = await read(reporting, person, "activity-metrics", **on(day))
            found = [(item["date"], item["emails"], item["tasks_done"]) for item in metrics["items"]]
            assert (person.role, found) == (person.role, [(day, 2 * count, count)])
            assert [user["emails_sent"] for user in metrics["users"]] == [count]
            times = await read(reporting, person, "response-times", **on(day))
            assert [item["answered"] for item in times["items"]] == [count]


async def test_closed_deals(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """What was won in the minute is September's, and converts at September's rate."""
    await set_rates(reporting, tenant, RATES)
    stories = [publish_closed(pipeline, tenant.rep.id, at, "1.00", currency="USD") for at in MOMENTS]
    await project(reporting, *stories)
    worth = {day: f"{count}.00" if day == LAST else f"{count}00.00" for day, count in COUNTED.items()}
    for person in (tenant.admin, tenant.manager, tenant.rep):
        for day, count in COUNTED.items():
            for grouping in ("owner", "month", "source"):
                report = await read(reporting, person, "win-rate", group_by=grouping, **on(day))
                average = {LAST: "1.00", FIRST: "100.00"}[day]
                assert [(item["won"], item["average_won"]) for item in report["items"]] == [(count, average)]
            board = await read(reporting, person, "leaderboard", **on(day))
            assert [(item["won_count"], item["won_amount"]) for item in board["items"]] == [(count, worth[day])]
        for as_of in ({}, {"as_of": "1944-10-09T00:00:00Z"}):
            forecast = await read(reporting, person, "forecast", **{"from": LAST, "to": FIRST}, **as_of)
            found = [(item["month"], item["deal_count"], item["committed"]) for item in forecast["items"]]
            assert found == [(day[:7], count, worth[day]) for day, count in COUNTED.items()]


@pytest.mark.parametrize("zone", ["America/Phoenix", "America/St_Johns", "Antarctica/Casey", "Europe/Berlin"])
async def test_sql_puts_an_instant_into_the_day_that_python_does(reporting: Reporting, zone: str) -> None:
    around = [*MOMENTS, *day_returns(zone)]
    instants = [at + timedelta(minutes=minutes, seconds=20) for at in around for minutes in range(-120, 121, 20)]
    where = Where(instants)
    statement = f"SELECT {ZoneDays(where, zone).day_of('t.at')} FROM unnest($1::timestamptz[]) AS t (at)"  # noqa: S608
    async with reporting.database.read_as_worker() as connection:
        days = [row[0] for row in await connection.fetch(statement, *where.parameters)]
    assert days == [day_of(instant, zone) for instant in instants]
