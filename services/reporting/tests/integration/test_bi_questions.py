"""The questions of docs/guides/bi.md, asked as a BI tool asks them: they agree with the API's reports."""

import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from services.reporting.tests.integration.bi_stories import Login, reading
from services.reporting.tests.integration.mail_stories import Reporting, publish_activity

from crm_reporting.consumers import keep_activities, project_deals
from crm_shared.local_days import day_at
from crm_testing.answers import require_ok
from crm_testing.bi_guide.dashboard import PANELS, draw_dashboard
from crm_testing.bi_guide.questions import read_questions
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

QUESTIONS: Final = read_questions(Path(__file__).parents[4])
ZONE: Final = "Europe/Berlin"


@pytest.fixture
async def login(
    reporting: Reporting, postgres_admin_dsn: str, tenant: SeededTenant, pipeline: PublishedPipeline
) -> AsyncIterator[Login]:
    """Yield a login of a tenant with a hundred days of selling, in two currencies."""
    now = datetime.now(UTC)
    stories = []
    for number in range(40):
        began = now - timedelta(days=100 - 2 * number, hours=1)
        owner = (tenant.rep, tenant.manager, tenant.other_rep)[number % 3]
        story = DealStory(
            pipeline,
            owner.id,
            Decimal(number) * 100,
            currency="USD" if number % 4 == 0 else "EUR",
            close_date=(now + timedelta(days=3 * number)).date(),
            at=began,
        )
        story.create()
        story.move("Proposal", at=began + timedelta(days=1))
        if number % 5 in (1, 2, 3):
            story.move("Closed Lost" if number % 5 == 3 else "Closed Won", at=began + timedelta(days=10))
        stories.append(story)
    await project_deals([event for story in stories for event in story.events], reporting.database)
    rates = {"currency": "USD", "effective_on": "2020-01-01", "rate": "0.875"}
    require_ok(await reporting.client(tenant.admin).put("/v1/exchange-rates", json=rates))
    acts = [
        publish_activity(tenant, type_, tenant.rep, now - timedelta(days=days))
        for days, type_ in enumerate(("CALL", "EMAIL", "MEETING", "CALL"))
    ]
    await keep_activities([act.publish() for act in acts], reporting.database)
    async with reading(reporting, postgres_admin_dsn, tenant) as login:
        yield login


async def ask(login: Login, question: str) -> list[dict[str, Any]]:
    """Return the answer's rows, figures as the API writes them."""
    rows = await login.fetch(QUESTIONS[question])
    return [{name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()} for row in rows]


def pick(items: list[dict[str, Any]], **names: str) -> list[dict[str, Any]]:
    return [{name: item[field] for name, field in names.items()} for item in items]


def test_there_are_six_and_the_dashboard_shows_each() -> None:
    assert len(QUESTIONS) == 6
    assert list(PANELS) == list(QUESTIONS)


async def test_questions_about_deals_agree_with_the_reports(
    reporting: Reporting, tenant: SeededTenant, login: Login
) -> None:
    async def report(name: str, **parameters: str) -> list[dict[str, Any]]:
        answer = require_ok(await reporting.client(tenant.admin).get(f"/v1/reports/{name}", params=parameters))
        items: list[dict[str, Any]] = answer["items"]
        return items

    today = day_at(datetime.now(UTC), ZONE)
    stages = [item for item in await report("pipeline") if item["kind"] == "OPEN"]
    assert await ask(login, "Open pipeline by stage") == pick(
        stages, stage="stage_name", deals="deal_count", amount="total", weighted="weighted"
    )
    months = await report("forecast", **{"from": str(today.replace(day=1)), "to": str(today + timedelta(days=400))})
    months = [item for item in months if item["deal_count"]]
    assert await ask(login, "Forecast by month") == pick(
        months, month="month", committed="committed", weighted="weighted", deals="deal_count"
    )
    leaders = await report("leaderboard", **{"from": str(today - timedelta(days=29)), "to": str(today)})
    assert await ask(login, "Who won how much") == pick(
        leaders, owner="owner_name", won="won_count", amount="won_amount"
    )
    rates = await report("win-rate", group_by="month", **{"from": str(today - timedelta(days=200)), "to": str(today)})
    asked = await ask(login, "Win rate by month")
    assert [{**row, "rate": float(row["rate"])} for row in asked] == pick(
        rates, month="group", won="won", lost="lost", rate="rate"
    )
    assert len(asked) >= 3


async def test_the_pipeline_of_past_weeks_is_what_as_of_tells(
    reporting: Reporting, tenant: SeededTenant, login: Login
) -> None:
    weeks = await ask(login, "The open pipeline as it was, week by week")
    assert len(weeks) == 12
    moments = await login.fetch(
        "SELECT (date_trunc('week', now() AT TIME ZONE 'Europe/Berlin') - make_interval(weeks => n))"
        " AT TIME ZONE 'Europe/Berlin' AS at FROM generate_series(11, 0, -1) AS n"
    )
    client = reporting.client(tenant.admin)
    for row, week in list(zip(moments, weeks, strict=True))[::5]:
        answer = require_ok(await client.get("/v1/reports/pipeline", params={"as_of": row["at"].isoformat()}))
        total = sum(Decimal(item["total"]) for item in answer["items"] if item["kind"] == "OPEN")
        assert answer["missing_rates"] == []
        assert Decimal(week["amount"]) <= total
        assert week["deals"] <= sum(item["deal_count"] for item in answer["items"] if item["kind"] == "OPEN")
    euros = await login.fetch("SELECT count(*) AS n FROM bi.deals WHERE status = 'OPEN' AND currency = 'EUR'")
    assert 0 < weeks[-1]["deals"] <= euros[0]["n"] + 5


async def test_what_reps_did_adds_up(tenant: SeededTenant, login: Login) -> None:
    rows = await ask(login, "What reps did, week by week")
    assert {row["rep"] for row in rows} == {tenant.rep.full_name}
    assert [sum(row[kind] for row in rows) for kind in ("calls", "emails", "meetings")] == [2, 1, 1]


async def test_the_dashboard_shows_every_answer(tenant: SeededTenant, login: Login) -> None:
    answers = {question: await login.fetch(sql) for question, sql in QUESTIONS.items()}
    picture = ET.fromstring(draw_dashboard(answers, title="Sales & more, in $ and $"))  # noqa: S314 - of our making
    texts = {text.strip() for text in picture.itertext()}
    assert texts >= {*QUESTIONS, "Sales & more, in $ and $", tenant.rep.full_name}
    assert {f"{row['stage']} ({row['deals']})" for row in answers["Open pipeline by stage"]} <= texts
    assert {f"{row['won']} of {row['won'] + row['lost']}" for row in answers["Win rate by month"]} <= texts
    assert {row["month"] for row in answers["Forecast by month"]} <= texts


def test_a_dashboard_of_nothing_is_drawn() -> None:
    picture = ET.fromstring(draw_dashboard(dict.fromkeys(PANELS, ()), title="Empty"))  # noqa: S314 - of our making
    assert {text.strip() for text in picture.itertext()} >= {*PANELS}
