"""Every report equals its recomputation in DuckDB: thousands of events at random, in any order, some again and again.

The recomputation is written from docs/reports.md, and knows of the service only what was told to it.
"""

import os
import random
from collections.abc import AsyncIterator
from itertools import cycle
from typing import Final

import pytest
from services.reporting.tests.integration.truth import money_reports
from services.reporting.tests.integration.truth.business import Business
from services.reporting.tests.integration.truth.facts import open_facts
from services.reporting.tests.integration.truth.questions import Facts, Question, list_questions, require_equal
from services.reporting.tests.integration.truth.telling import Reporting, tell_business

pytestmark = pytest.mark.engines

SEED: Final = int(os.environ.get("CRM_TRUTH_SEED", "20260329"))
"""Another one tells another business."""


@pytest.fixture(scope="module", params=[SEED], ids=lambda seed: f"seed={seed}")
async def business(reporting: Reporting, request: pytest.FixtureRequest) -> Business:
    return await tell_business(reporting, await reporting.seed_tenant(), request.param)


@pytest.fixture(scope="module")
async def facts(
    reporting: Reporting, business: Business, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Facts]:
    clients = {person.id: reporting.client(person) for person in business.viewers}
    with open_facts(business, tmp_path_factory.mktemp("facts")) as database:
        yield Facts(database, clients)


@pytest.fixture
def questions(business: Business) -> list[Question]:
    return list(list_questions(business, random.Random(SEED)))  # noqa: S311 - repeats what failed


def test_the_business_is_as_large_as_it_says(business: Business) -> None:
    assert len(business.events) > 5_000
    assert {story.state["currency"] for story in business.stories} == {"EUR", "USD", "JPY", "KWD"}


async def test_pipeline_now_and_then(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        past = {"as_of": question.moment.isoformat()}
        for when in ({}, past):
            report = await facts.ask(question, "pipeline", question.parameters | when)
            facts.pose(question, moment=report["as_of"])
            require_equal(report["items"], facts.recount(money_reports.PIPELINE), question)
            assert report["missing_rates"] == facts.list_codes(money_reports.PIPELINE_LACKS), question


async def test_forecast_now_and_then(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        past = {"as_of": question.moment.isoformat()}
        for when in ({}, past):
            report = await facts.ask(question, "forecast", question.window | when)
            facts.pose(question, moment=report["as_of"])
            require_equal(report["items"], facts.recount(money_reports.FORECAST), question)
            assert report["missing_rates"] == facts.list_codes(money_reports.FORECAST_LACKS), question


async def test_win_rate(facts: Facts, questions: list[Question]) -> None:
    for question, group_by in zip(questions, cycle(("owner", "month", "source", "lost_reason")), strict=False):
        report = await facts.ask(question, "win-rate", question.window | {"group_by": group_by})
        facts.pose(question, group_by=group_by)
        require_equal(report["items"], facts.recount(money_reports.WIN_RATE), question)
        assert report["missing_rates"] == facts.list_codes(money_reports.CLOSED_LACKS), question


async def test_velocity(facts: Facts, questions: list[Question]) -> None:
    for question, group_by in zip(questions, cycle((None, "owner", "month", "month")), strict=False):
        grouped = {} if group_by is None else {"group_by": group_by}
        report = await facts.ask(question, "velocity", question.window | grouped)
        facts.pose(question, group_by=group_by)
        require_equal(report["items"], facts.recount(money_reports.VELOCITY), question)
        assert report["missing_rates"] == facts.list_codes(money_reports.CLOSED_LACKS), question


async def test_leaderboard(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        report = await facts.ask(question, "leaderboard", question.window)
        facts.pose(question)
        require_equal(report["items"], facts.recount(money_reports.LEADERBOARD), question)
        assert report["missing_rates"] == facts.list_codes(money_reports.LEADERBOARD_LACKS), question
