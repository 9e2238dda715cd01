"""Deals that enter stages on given days of October 2026, and how the conversion report is read of them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from crm_reporting.consumers import project_deals
from crm_reporting.settings import ReportingSettings
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person
from crm_testing.service_kit import ServiceKit

Reporting = ServiceKit[ReportingSettings]
URL = "/v1/reports/conversion"
STAGES = ["Qualification", "Discovery", "Proposal", "Negotiation", "Closed Won", "Closed Lost"]
OCTOBER = {"from": "2026-10-01", "to": "2026-10-31"}
FIGURES = ("entered", "converted", "rate", "median_days", "open")
NOBODY = (0, 0, None, None, 0)


def at(day: float) -> datetime:
    """Return noon of a day of October, or so many days on."""
    return datetime(2026, 9, 30, 12, tzinfo=UTC) + timedelta(days=day)


def live(pipeline: PublishedPipeline, owner: Person, *entries: tuple[str, float], **fields: Any) -> DealStory:
    """Let a deal enter these stages on these days of October; the first entry is its creation."""
    (stage, day), *moves = entries
    story = DealStory(pipeline, owner.id, stage=stage, at=at(day), **fields)
    story.create()
    for to, on in moves:
        story.move(to, at=at(on))
    return story


async def publish(reporting: Reporting, *stories: DealStory) -> None:
    await project_deals([event for story in stories for event in story.events], reporting.database)


def to_figures(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in FIGURES)


async def read_pair(
    client: httpx.AsyncClient, pipeline: PublishedPipeline, from_stage: str, to_stage: str, **asked: Any
) -> tuple[Any, ...]:
    ids = {"from_stage": str(pipeline.stage(from_stage).id), "to_stage": str(pipeline.stage(to_stage).id)}
    report = require_ok(await client.get(URL, params=OCTOBER | ids | asked))
    assert set(report) == {"pipeline_id", "as_of", "from_stage_id", "to_stage_id", *FIGURES}
    assert (report["pipeline_id"], report["from_stage_id"]) == (str(pipeline.id), ids["from_stage"])
    assert report["to_stage_id"] == ids["to_stage"]
    return to_figures(report)
