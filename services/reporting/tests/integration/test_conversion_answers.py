"""GET /v1/reports/conversion: the window, sight, CSV, parameters."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from services.reporting.tests.integration.october import (
    NOBODY,
    OCTOBER,
    STAGES,
    URL,
    Reporting,
    live,
    publish,
    read_pair,
    to_figures,
)

from crm_reporting.consumers import keep_pipelines, keep_shares, project_deals
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines


async def test_the_windows_days_are_the_report_zones(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """October begins in Berlin at 22:00 UTC, in summer time, and ends at 23:00, in winter time."""
    moments = [
        datetime(2026, 9, 30, 21, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 9, 30, 22, tzinfo=UTC),
        datetime(2026, 10, 31, 22, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 31, 23, tzinfo=UTC),
    ]
    stories = [DealStory(pipeline, tenant.rep.id, at=moment) for moment in moments]
    for story in stories:
        story.create()
    await publish(reporting, *stories)
    client = reporting.client(tenant.rep)

    async def count(**asked: Any) -> int:
        entered, *_ = await read_pair(client, pipeline, "Qualification", "Discovery", **asked)
        return int(entered)

    assert await count() == 2
    last = {"from": "2026-10-31"}
    assert await count(**last) == 1
    assert await count(**last, time_zone="UTC") == 2
    assert await count(**last, time_zone="Pacific/Kiritimati") == 0
    assert await count(**{"from": "2026-09-30", "to": "2026-09-30"}) == 1
    assert await count(**{"from": "2026-11-01", "to": "2026-11-01"}) == 1
    assert await count(**{"from": "1900-01-01", "to": "2200-12-31"}) == 4


async def test_the_window_is_by_default_of_30_days(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    stories = [DealStory(pipeline, tenant.rep.id, at=now - timedelta(days=days)) for days in (1, 28, 31, 400)]
    for story in stories:
        story.create()
    await publish(reporting, *stories)
    client = reporting.client(tenant.rep)
    assert require_ok(await client.get(URL))["items"][0]["entered"] == 2
    until = (now - timedelta(days=30)).date().isoformat()
    assert require_ok(await client.get(URL, params={"to": until, "time_zone": "UTC"}))["items"][0]["entered"] == 1
    assert require_ok(await client.get(URL, params={"from": "2020-01-01"}))["items"][0]["entered"] == 4


async def test_each_counts_what_they_see(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    share = {"user_id": tenant.rep.id, "permission": "READ"}
    published = make_contact_event(tenant.id, tenant.other_rep.id, contact_id=contact_id, version=1, shares=[share])
    await keep_shares([published], reporting.database)
    owners = {tenant.admin: 1, tenant.manager: 2, tenant.rep: 4, tenant.other_rep: 8}
    stories = [
        live(pipeline, owner, ("Qualification", 1), ("Discovery", 2))
        for owner, count in owners.items()
        for _ in range(count)
    ]
    shared = live(pipeline, tenant.other_rep, ("Qualification", 1), contact_id=contact_id)
    await publish(reporting, *stories, shared)

    async def count(person: Person, **asked: Any) -> tuple[Any, ...]:
        seen = await read_pair(reporting.client(person), pipeline, "Qualification", "Discovery", **asked)
        return seen[0], seen[1], seen[4]

    assert [await count(person) for person in tenant.people] == [(16, 15, 1), (6, 6, 0), (5, 4, 1), (9, 8, 1)]
    assert await count(tenant.admin, owner_id=[tenant.rep.id, tenant.manager.id]) == (6, 6, 0)
    assert await count(tenant.rep, owner_id=[tenant.other_rep.id]) == (1, 0, 1)
    assert await count(tenant.manager, owner_id=[tenant.other_rep.id]) == (0, 0, 0)

    handed_over = stories[0]
    await project_deals(list(handed_over.edit(owner_id=tenant.other_rep.id)), reporting.database)
    assert [await count(person) for person in tenant.people] == [(16, 15, 1), (6, 6, 0), (5, 4, 1), (10, 9, 1)]

    strangers = await reporting.seed_tenant()
    for stranger in strangers.people:
        answer = await reporting.client(stranger).get(URL, params={"pipeline_id": str(pipeline.id)})
        require_problem(answer, 404, "not-found")
    own = PublishedPipeline.sales(strangers.id)
    await keep_pipelines([own.publish()], reporting.database)
    report = require_ok(await reporting.client(strangers.admin).get(URL, params=OCTOBER))
    assert {to_figures(row) for row in report["matrix"]} == {NOBODY}
    ids = {"from_stage": str(pipeline.stages[0].id), "to_stage": str(pipeline.stages[1].id)}
    require_problem(await reporting.client(strangers.admin).get(URL, params=ids), 422, "invalid-stage", "?from_stage")


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await publish(reporting, live(pipeline, tenant.rep, ("Qualification", 1), ("Discovery", 2.5)))
    client, wanted = reporting.client(tenant.rep), {"Accept": "text/csv"}

    async def read_rows(**asked: str) -> list[dict[str, str]]:
        answer = await client.get(URL, params=OCTOBER | asked, headers=wanted)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["crm-source"] == "primary"
        return list(csv.DictReader(io.StringIO(answer.text, newline="")))

    rows = await read_rows()
    assert [(row["from_stage_name"], row["to_stage_name"]) for row in rows] == list(pairwise(STAGES))
    first, second = pipeline.stages[:2]
    header = "from_stage_id from_stage_name to_stage_id to_stage_name entered converted rate median_days open"
    assert list(rows[0]) == header.split()
    assert list(rows[0].values()) == [
        *(str(first.id), "Qualification", str(second.id), "Discovery"),
        *("1", "1", "1.0", "1.5", "0"),
    ]
    assert (rows[2]["rate"], rows[2]["median_days"]) == ("", "")
    assert await read_rows(from_stage=str(first.id), to_stage=str(second.id)) == rows[:1]


async def test_a_tenant_without_a_pipeline_yet(reporting: Reporting, tenant: SeededTenant) -> None:
    require_problem(await reporting.client(tenant.admin).get(URL), 404, "not-found")


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"from_stage": "Proposal"}, "?from_stage"),
        ({"to_stage": "Proposal"}, "?to_stage"),
        ({"from": "2026-11-02", "to": "2026-11-01"}, "?from"),
        ({"from": "1899-12-31"}, "?from"),
        ({"to": "2026-11-31"}, "?to"),
        ({"from": "2026-11-01T10:00:00Z"}, "?from"),
        ({"as_of": "2026-11-01T00:00:00Z"}, "?as_of"),
        ({"group_by": "owner"}, "?group_by"),
        ({"time_zone": "Berlin"}, "?time_zone"),
        ({"currency": "EURO"}, "?currency"),
        ({"owner_id": "me"}, "?owner_id"),
        ({"pipeline_id": "sales"}, "?pipeline_id"),
    ],
)
@pytest.mark.usefixtures("pipeline")
async def test_bad_parameters_are_named(
    reporting: Reporting, tenant: SeededTenant, parameters: dict[str, str], pointer: str
) -> None:
    answer = await reporting.client(tenant.admin).get(URL, params=parameters)
    require_problem(answer, 422, "invalid-field", pointer)


async def test_wrong_stages_are_named(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    client = reporting.client(tenant.admin)
    one, another = str(pipeline.stages[0].id), str(pipeline.stages[1].id)
    elsewhere = str(other.stages[0].id)
    for asked, slug, pointer in (
        ({"from_stage": one}, "invalid-field", "?to_stage"),
        ({"to_stage": one}, "invalid-field", "?from_stage"),
        ({"from_stage": one, "to_stage": one}, "invalid-field", "?to_stage"),
        ({"from_stage": elsewhere, "to_stage": one}, "invalid-stage", "?from_stage"),
        ({"from_stage": one, "to_stage": elsewhere}, "invalid-stage", "?to_stage"),
        ({"from_stage": one, "to_stage": str(new_id())}, "invalid-stage", "?to_stage"),
        ({"from_stage": one, "to_stage": another, "pipeline_id": str(other.id)}, "invalid-stage", "?from_stage"),
    ):
        require_problem(await client.get(URL, params=asked), 422, slug, pointer)
