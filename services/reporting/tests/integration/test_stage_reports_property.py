"""Conversion and stage age are what a plain recomputation over random lives says, for every viewer and window."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise, permutations
from random import Random
from typing import Any
from uuid import UUID

import pytest
from services.reporting.tests.integration.stage_lives import (
    Life,
    Window,
    convert,
    deliver,
    is_printed_as,
    live,
    read_lives,
    stay,
)

from crm_reporting.consumers import keep_pipelines, keep_shares, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.answers import require_ok
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
DEALS = 300
WINDOWS = (
    Window(date(2025, 3, 1), date(2025, 3, 30), "Europe/Berlin"),  # its last day has 23 hours
    Window(date(2025, 5, 4), date(2025, 5, 4), "Asia/Kathmandu"),
    Window(date(2025, 1, 1), date(2026, 12, 31), "America/Los_Angeles"),
    Window(date(2025, 6, 15), date(2025, 9, 28), "Pacific/Auckland"),
)


@dataclass(frozen=True, slots=True)
class StageLives:
    tenant: SeededTenant
    pipelines: tuple[PublishedPipeline, ...]
    stories: Sequence[DealStory]
    shared_contact: UUID

    def seen_by(self, person: Person) -> list[DealStory]:
        """List the deals of the person, of those whom they manage, and of the contact that `other_rep` was shared."""
        tenant = self.tenant
        owners = {tenant.admin: tenant.people, tenant.manager: (tenant.manager, tenant.rep)}.get(person, (person,))
        ids = {owner.id for owner in owners}
        shared = self.shared_contact if person is tenant.other_rep else new_id()
        return [
            story for story in self.stories if story.state["owner_id"] in ids or story.state["contact_id"] == shared
        ]


async def publish_lives(reporting: Reporting, tenant: SeededTenant, seed: int) -> StageLives:
    random = Random(seed)  # noqa: S311 - lives for a test
    pipelines = (PublishedPipeline.sales(tenant.id), PublishedPipeline.sales(tenant.id, is_default=False))
    await keep_pipelines([pipeline.publish() for pipeline in pipelines], reporting.database)
    shared_contact = new_id()
    share = {"user_id": tenant.other_rep.id, "permission": "READ"}
    published = make_contact_event(tenant.id, tenant.rep.id, contact_id=shared_contact, version=1, shares=[share])
    await keep_shares([published], reporting.database)
    contacts = (shared_contact, new_id())
    stories = [live(random, pipelines, tenant.people, contacts) for _ in range(DEALS)]
    for batch in deliver(random, stories):
        await project_deals(batch, reporting.database)
    return StageLives(tenant, pipelines, stories, shared_contact)


async def require_conversion(
    reporting: Reporting,
    person: Person,
    pipeline: PublishedPipeline,
    window: Window,
    seen: Sequence[Life],
    **asked: Any,
) -> None:
    asked |= {
        "pipeline_id": str(pipeline.id),
        "from": window.first_day.isoformat(),
        "to": window.last_day.isoformat(),
        "time_zone": window.time_zone,
    }
    client = reporting.client(person)
    report = require_ok(await client.get("/v1/reports/conversion", params=asked))
    ids = [stage.id for stage in pipeline.stages]
    neighbours = {(str(one), str(other)) for one, other in pairwise(ids)}
    matrix = [row for row in report["matrix"] if (row["from_stage_id"], row["to_stage_id"]) in neighbours]
    assert report["items"] == sorted(matrix, key=lambda row: ids.index(UUID(row["from_stage_id"])))
    for row, pair in zip(report["matrix"], permutations(ids, 2), strict=True):
        assert (row.pop("from_stage_id"), row.pop("to_stage_id")) == tuple(map(str, pair))
        expected = convert(seen, window, *pair)
        assert is_printed_as(expected.pop("median_days"), row.pop("median_days"))
        assert row == expected
    one, other = ids[0], ids[3]
    asked |= {"from_stage": str(one), "to_stage": str(other)}
    pair_alone = require_ok(await client.get("/v1/reports/conversion", params=asked))
    expected = convert(seen, window, one, other)
    assert is_printed_as(expected.pop("median_days"), pair_alone["median_days"])
    assert {name: pair_alone[name] for name in expected} == expected


async def require_ages(
    reporting: Reporting, person: Person, pipeline: PublishedPipeline, seen: Sequence[Life], **asked: Any
) -> None:
    asked |= {"pipeline_id": str(pipeline.id)}
    report = require_ok(await reporting.client(person).get("/v1/reports/stage-age", params=asked))
    for item, stage in zip(report["items"], pipeline.stages, strict=True):
        expected = stay(seen, stage.id, datetime.fromisoformat(report["as_of"]))
        for state in ("open", "left"):
            assert item[state].pop("count") == expected[state].pop("count")
            assert item[state].keys() == expected[state].keys()
            assert all(is_printed_as(days, item[state][name]) for name, days in expected[state].items())


async def require_conversions(reporting: Reporting, published: StageLives) -> None:
    for index, person in enumerate(published.tenant.people):
        seen = read_lives(published.seen_by(person))
        for number, pipeline in enumerate(published.pipelines):
            window = WINDOWS[(2 * index + number) % len(WINDOWS)]
            await require_conversion(reporting, person, pipeline, window, seen)
    owners = [published.tenant.rep.id, published.tenant.other_rep.id]
    for person in (published.tenant.admin, published.tenant.other_rep):
        seen = read_lives(story for story in published.seen_by(person) if story.state["owner_id"] in owners)
        asked = {"owner_id": [str(owner) for owner in owners]}
        await require_conversion(reporting, person, published.pipelines[0], WINDOWS[2], seen, **asked)


def require_hard_lives(published: StageLives) -> None:
    """Hold that the lives go everywhere: a recomputation proves little where nothing happens."""
    window = Window(date(2025, 1, 1), date(2026, 12, 31), "UTC")
    lives = read_lives(published.stories)
    rows = [
        convert(lives, window, *pair) for pair in permutations([stage.id for stage in published.pipelines[0].stages], 2)
    ]
    assert all(row["converted"] for row in rows)
    assert sum(row["open"] > 0 for row in rows) > len(rows) / 2


@pytest.mark.parametrize("seed", [1, 2])
async def test_reports_say_what_was_lived(reporting: Reporting, tenant: SeededTenant, seed: int) -> None:
    published = await publish_lives(reporting, tenant, seed)
    require_hard_lives(published)
    await require_conversions(reporting, published)
    for person in tenant.people:
        for pipeline in published.pipelines:
            await require_ages(reporting, person, pipeline, read_lives(published.seen_by(person)))
    seen = read_lives(story for story in published.stories if story.state["owner_id"] == tenant.rep.id)
    await require_ages(reporting, tenant.admin, published.pipelines[0], seen, owner_id=str(tenant.rep.id))
