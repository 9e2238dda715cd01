"""The win rate and the leaderboard of deals told at random are what counting them one by one gives."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from services.reporting.tests.integration.closed_deals import (
    Asked,
    ClosedDeals,
    Reporting,
    convert,
    describe,
    group_by,
    list_closed,
    list_missing,
    list_sights,
    publish_at_random,
    round_money,
)

from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant

pytestmark = pytest.mark.engines

QUESTIONS = (
    Asked(date(2026, 1, 1), date(2026, 10, 31), "Europe/Berlin", "EUR"),
    Asked(date(2026, 3, 29), date(2026, 5, 1), "America/New_York", "USD"),
    Asked(date(2026, 2, 28), date(2026, 7, 31), "Pacific/Kiritimati", "JPY"),
    Asked(date(2026, 4, 5), date(2026, 4, 5), "Australia/Lord_Howe", "GBP"),
)


def list_keys(published: ClosedDeals, asked: Asked) -> dict[str, Callable[[DealStory], Any]]:
    def source_of(story: DealStory) -> str | None:
        contact = published.contacts.get(story.contact_id) if story.contact_id else None
        return contact.source if contact else None

    return {
        "owner": lambda story: str(story.state["owner_id"]),
        "month": lambda story: asked.day_of(story.state["closed_at"]).isoformat()[:7],
        "source": source_of,
    }


@pytest.mark.parametrize("seed", [7, 8])
async def test_the_win_rate_is_what_counting_gives(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, seed: int
) -> None:
    published = await publish_at_random(reporting, tenant, pipeline, seed=seed, count=250)
    sights = list_sights(tenant)
    for person in tenant.people:
        for asked in QUESTIONS:
            closed = list_closed(published, asked, sights[person.id], person.id)
            for grouping, key in list_keys(published, asked).items():
                parameters = {**asked.parameters, "group_by": grouping}
                report = require_ok(await reporting.client(person).get("/v1/reports/win-rate", params=parameters))
                rows = {item.pop("group"): item for item in report["items"]}
                for row in rows.values():
                    row.pop("owner_name", None)
                expected = {group: describe(stories, asked) for group, stories in group_by(closed, key).items()}
                assert rows == expected
                assert report["missing_rates"] == sorted(list_missing(closed, asked))


async def test_lost_reasons_are_what_counting_gives(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    published = await publish_at_random(reporting, tenant, pipeline, seed=9, count=200)
    [asked, *_] = QUESTIONS
    for person in tenant.people:
        closed = list_closed(published, asked, list_sights(tenant)[person.id], person.id)
        lost = group_by(
            [story for story in closed if story.state["status"] == "LOST"], lambda story: story.state["lost_reason"]
        )
        parameters = {**asked.parameters, "group_by": "lost_reason"}
        report = require_ok(await reporting.client(person).get("/v1/reports/win-rate", params=parameters))
        assert {item["group"]: item["lost"] for item in report["items"]} == {
            reason: len(stories) for reason, stories in lost.items()
        }
        assert report["left_out"] == 0


@pytest.mark.parametrize("seed", [10, 11])
async def test_the_leaderboard_is_what_counting_gives(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, seed: int
) -> None:
    published = await publish_at_random(reporting, tenant, pipeline, seed=seed, count=250)
    names = {person.id: person.full_name for person in tenant.people}
    chosen = [tenant.rep.id, tenant.admin.id, new_id()]
    for person in tenant.people:
        for asked in QUESTIONS:
            for owner_ids in ([], chosen):
                closed = list_closed(published, asked, list_sights(tenant)[person.id], person.id)
                won = group_by(
                    [
                        story
                        for story in closed
                        if story.state["status"] == "WON" and (not owner_ids or story.state["owner_id"] in owner_ids)
                    ],
                    lambda story: story.state["owner_id"],
                )
                rows: list[dict[str, Any]] = [
                    {
                        "owner_id": str(owner_id),
                        "owner_name": names[owner_id],
                        "won_count": len(stories),
                        "won_amount": round_money(
                            sum((convert(story, asked) or Fraction() for story in stories), Fraction()), asked.currency
                        ),
                    }
                    for owner_id, stories in won.items()
                ]
                rows.sort(key=lambda row: (-Decimal(row["won_amount"]), -row["won_count"], row["owner_name"]))
                parameters = {**asked.parameters, "owner_id": [str(owner_id) for owner_id in owner_ids]}
                report = require_ok(await reporting.client(person).get("/v1/reports/leaderboard", params=parameters))
                assert report["items"] == rows
