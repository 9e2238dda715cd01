"""The velocity of deals told at random is what following each deal's life gives."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from services.reporting.tests.integration.closed_deals import (
    Asked,
    Reporting,
    convert,
    group_by,
    is_seen,
    list_closed,
    list_missing,
    list_sights,
    publish_at_random,
    round_money,
)

from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

QUESTIONS = (
    Asked(date(2026, 1, 1), date(2026, 10, 31), "Europe/Berlin", "EUR"),
    Asked(date(2026, 3, 29), date(2026, 5, 1), "America/New_York", "USD"),
    Asked(date(2026, 2, 28), date(2026, 7, 30), "Pacific/Kiritimati", "JPY"),
    Asked(date(2026, 4, 5), date(2026, 4, 5), "Australia/Lord_Howe", "GBP"),
)


def read_values(story: DealStory, day: date, zone: str) -> Mapping[str, Any]:
    """Return a deal's values as they were when the day ended; none before it was created."""
    end = datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)
    values: dict[str, Any] = {}
    for entry in story.value_history:
        if entry["changed_at"] < end:
            values |= entry["values"]
    return values


def list_open(stories: Sequence[DealStory], day: date, zone: str) -> list[UUID]:
    """Return the owners, at that time, of the deals that were open when the day ended."""
    found = [read_values(story, day, zone) for story in stories]
    return [values["owner_id"] for values in found if values.get("status") == "OPEN" and values["deleted_at"] is None]


def describe(deals: int, closed: Sequence[DealStory], asked: Asked) -> dict[str, Any]:
    won = [story for story in closed if story.state["status"] == "WON"]
    amounts = [amount for story in won if (amount := convert(story, asked)) is not None]
    cycles = [story.state["closed_at"] - story.state["created_at"] for story in won]
    cycle = Fraction(sum(cycles, timedelta()) // timedelta(microseconds=1), 86_400_000_000 * len(won)) if won else None
    average = sum(amounts, Fraction()) / len(amounts) if amounts else None
    velocity = None
    if average is not None and cycle:
        velocity = round_money(deals * Fraction(len(won), len(closed)) * average / cycle, asked.currency)
    return {
        "deals": deals,
        "win_rate": float(round(Fraction(len(won), len(closed)), 4)) if closed else None,
        "average_won": None if average is None else round_money(average, asked.currency),
        "average_cycle_days": None if cycle is None else round(float(cycle), 4),
        "velocity_per_day": velocity,
    }


def list_months(asked: Asked) -> list[tuple[str, date]]:
    """Return each month of the window and its last day in it."""
    days = [asked.first + timedelta(days=number) for number in range((asked.last - asked.first).days + 1)]
    return list({day.isoformat()[:7]: day for day in days}.items())


async def read_rows(client: httpx.AsyncClient, asked: Asked, missing: set[str], **parameters: str) -> dict[Any, Any]:
    """Return the rows by group, without the owners' names. Fails unless these rates are missing."""
    answer = await client.get("/v1/reports/velocity", params={**asked.parameters, **parameters})
    report = require_ok(answer)
    assert report["missing_rates"] == sorted(missing)
    return {
        item["group"]: {name: value for name, value in item.items() if name not in {"group", "owner_name"}}
        for item in report["items"]
    }


@pytest.mark.parametrize("seed", [21, 22])
@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked.zone)
async def test_velocity_is_what_counting_gives(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, asked: Asked, seed: int
) -> None:
    published = await publish_at_random(reporting, tenant, pipeline, seed=seed, count=250)
    for person in tenant.people:
        owners = list_sights(tenant)[person.id]
        seen = [story for story in published.stories if is_seen(published, story, owners, person.id)]
        closed = list_closed(published, asked, owners, person.id)
        by_owner = group_by(closed, lambda story: story.state["owner_id"])
        by_month = group_by(closed, lambda story: asked.day_of(story.state["closed_at"]).isoformat()[:7])
        had_by = list_open(seen, asked.last, asked.zone)
        client, missing = reporting.client(person), list_missing(closed, asked)

        assert await read_rows(client, asked, missing) == {None: describe(len(had_by), closed, asked)}
        assert await read_rows(client, asked, missing, group_by="owner") == {
            str(owner_id): describe(had_by.count(owner_id), by_owner.get(owner_id, []), asked)
            for owner_id in {*had_by, *by_owner}
        }
        assert await read_rows(client, asked, missing, group_by="month") == {
            month: describe(len(list_open(seen, last, asked.zone)), by_month.get(month, []), asked)
            for month, last in list_months(asked)
        }
