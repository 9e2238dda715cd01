"""Every report equals its recomputation in DuckDB: 10,000 events at random, in any order, some again and again.

The recomputation is written from docs/reports.md, and knows of the service only what was told to it.
"""

import os
import random
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from typing import Any, Final

import pytest
from services.reporting.tests.integration.truth import (
    activity_reports,
    attainment_report,
    money_reports,
    movement_reports,
    stage_reports,
)
from services.reporting.tests.integration.truth.business import DIGITS, Business
from services.reporting.tests.integration.truth.facts import open_facts
from services.reporting.tests.integration.truth.publishing import Reporting, publish_business
from services.reporting.tests.integration.truth.questions import (
    Facts,
    Question,
    end_of_month,
    list_questions,
    require_equal,
)

from crm_testing.answers import walk_pages

pytestmark = pytest.mark.engines

POSITIONS: Final = ("from_position", "to_position")
SEED: Final = int(os.environ.get("CRM_TRUTH_SEED", "20260329"))
"""Another one tells another business."""


@pytest.fixture(scope="module", params=[SEED], ids=lambda seed: f"seed={seed}")
async def business(reporting: Reporting, request: pytest.FixtureRequest) -> Business:
    return await publish_business(reporting, await reporting.seed_tenant(), request.param)


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


@pytest.fixture
def activity_questions(questions: list[Question]) -> list[Question]:
    """Ask of all activities but in every fourth question, which asks of those of one pipeline's deals."""
    return [one if number % 4 == 0 else replace(one, pipeline_id=None) for number, one in enumerate(questions)]


def test_the_business_is_as_large_as_it_says(business: Business) -> None:
    assert len(business.events) > 10_000
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


async def test_conversion(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        report = await facts.ask(question, "conversion", question.window)
        facts.pose(question, moment=report["as_of"])
        pairs = facts.recount(stage_reports.CONVERSION)
        neighbours = [pair for pair in pairs if pair["to_position"] == pair["from_position"] + 1]
        require_equal(report["matrix"], pairs, question, left_out=POSITIONS)
        require_equal(report["items"], neighbours, question, left_out=POSITIONS)


async def test_stage_age(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        report = await facts.ask(question, "stage-age", question.parameters)
        facts.pose(question, moment=report["as_of"])
        require_equal([_flatten(item) for item in report["items"]], facts.recount(stage_reports.STAGE_AGE), question)


def _flatten(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stage_id": item["stage_id"],
        "stage_name": item["stage_name"],
        **{f"{stays}_{name}": value for stays in ("open", "left") for name, value in item[stays].items()},
    }


async def test_movement(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        facts.pose(question)
        report = await facts.ask(question, "movement", question.span)
        ends = [{"end": end, **report[end]} for end in ("start", "end")]
        require_equal(ends, facts.recount(movement_reports.ENDINGS), question)
        assert report["missing_rates"] == facts.list_codes(movement_reports.LACKS), question
        counted = {row["bucket"]: row for row in facts.recount(movement_reports.BUCKETS)}
        nothing = {"deal_count": 0, "amount": f"{0:.{DIGITS[question.currency]}f}"}
        rows = [{"bucket": item["bucket"], **nothing} | counted.get(item["bucket"], {}) for item in report["items"]]
        require_equal(report["items"], rows, question)
        assert {item["bucket"] for item in report["items"]} >= set(counted)
        amounts = [Decimal(item["amount"]) for item in report["items"]]
        assert Decimal(report["start"]["amount"]) + sum(amounts) == Decimal(report["end"]["amount"])


async def test_movement_deals(facts: Facts, questions: list[Question]) -> None:
    for question, bucket in zip(questions, cycle(movement_reports.NAMES), strict=False):
        facts.pose(question)
        client = facts.clients[question.viewer.id]
        found = await walk_pages(client, "/v1/reports/movement/deals", **question.span, bucket=bucket, limit=100)
        rows = [row for row in facts.recount(movement_reports.DEALS) if row["bucket"] == bucket]
        items = [
            {"bucket": bucket, "deal_id": item["deal_id"], "amount": item["amount"]}
            | _read_state("old", item["before"])
            | _read_state("new", item["after"])
            for item in found
        ]
        require_equal(items, rows, question)


def _read_state(prefix: str, state: Mapping[str, Any] | None) -> dict[str, Any]:
    names = ("stage_id", "status", "amount", "currency")
    values = dict.fromkeys(names) if state is None else {name: state[name] for name in names}
    amount = values["amount"]
    values["amount"] = None if amount is None else Decimal(amount)
    return {f"{prefix}_{name}": value for name, value in values.items()}


async def test_attainment(facts: Facts, questions: list[Question]) -> None:
    for question in questions:
        report = await facts.ask(question, "attainment", question.months)
        first, last = question.first.replace(day=1), end_of_month(question.last)
        facts.pose(question, moment=report["as_of"], first=first, last=last)
        require_equal(report["items"], facts.recount(attainment_report.ROWS), question)
        require_equal([report["total"]], facts.recount(attainment_report.TOTAL), question)
        assert report["missing_rates"] == facts.list_codes(attainment_report.LACKS), question
        for row in (*report["items"], report["total"]):
            assert set(row["reasons"]) == {name for name in ("attainment", "coverage") if row[name] is None}


async def test_activity_metrics(facts: Facts, activity_questions: list[Question]) -> None:
    for question in activity_questions:
        report = await facts.ask(question, "activity-metrics", question.window)
        facts.pose(question)
        require_equal(report["items"], facts.recount(activity_reports.DAYS), question)
        reps = {item["user_id"] for item in report["items"]}
        counted = {row["user_id"]: row for row in facts.recount(activity_reports.RESPONSES)}
        nothing = {"emails_sent": 0, "responses": 0, "email_response_rate": None, "median_response_s": None}
        rows = [counted.get(user_id, {"user_id": user_id, **nothing}) for user_id in sorted(reps)]
        require_equal(report["users"], rows, question)
        assert reps >= set(counted)


async def test_response_times(facts: Facts, activity_questions: list[Question]) -> None:
    for question in activity_questions:
        report = await facts.ask(question, "response-times", question.window)
        facts.pose(question)
        for item in report["items"]:
            oldest = item["oldest_unanswered_at"]
            item["oldest_unanswered_at"] = None if oldest is None else to_microseconds(oldest)
        require_equal(report["items"], facts.recount(activity_reports.RESPONSE_TIMES), question)


def to_microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
