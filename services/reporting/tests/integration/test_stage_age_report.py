"""GET /v1/reports/stage-age: stays that go on, stays that ended, sight, CSV, parameters."""

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from services.reporting.tests.integration.october import STAGES, Reporting, at, live, publish

from crm_reporting.consumers import keep_pipelines, keep_shares, project_deals
from crm_shared.clock import new_id
from crm_testing.answers import require_ok, require_problem
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import Person, SeededTenant
from crm_testing.published_records import make_contact_event

pytestmark = pytest.mark.engines

URL = "/v1/reports/stage-age"
NO_STAYS = {"count": 0, "average_days": None, "median_days": None, "p90_days": None}


async def read_items(client: httpx.AsyncClient, **asked: Any) -> dict[str, dict[str, Any]]:
    report = require_ok(await client.get(URL, params=asked))
    assert set(report) == {"pipeline_id", "as_of", "items"}
    return {item["stage_name"]: item for item in report["items"]}


def to_days(stays: Mapping[str, Any]) -> tuple[Any, ...]:
    return stays["count"], stays["average_days"], stays["median_days"], stays["p90_days"]


async def test_stays_that_ended(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    """The example of docs/reports.md."""
    await publish(
        reporting,
        live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 2), ("Discovery", 4), ("Closed Won", 7)),
        live(pipeline, tenant.rep, ("Discovery", 5), ("Closed Lost", 14)),
        live(pipeline, tenant.rep, ("Discovery", 5), ("Proposal", 6.5), ("Closed Won", 6.5), ("Proposal", 10.5)),
    )
    client = reporting.client(tenant.rep)
    items = await read_items(client)
    assert list(items) == STAGES
    assert [item["stage_id"] for item in items.values()] == [str(stage.id) for stage in pipeline.stages]
    assert to_days(items["Discovery"]["left"]) == (4, 3.625, 2.25, 7.2)  # 1, 1.5, 3 and 9 days
    assert to_days(items["Proposal"]["left"]) == (2, 1.0, 1.0, 1.8)  # 2 and 0 days
    assert to_days(items["Closed Won"]["left"]) == (1, 4.0, 4.0, 4.0)  # reopened after 4 days
    assert items["Closed Lost"]["left"] == items["Qualification"]["left"] == NO_STAYS
    assert [item["open"]["count"] for item in items.values()] == [0, 0, 1, 0, 0, 0]


async def test_stays_that_go_on_run_to_the_moment_of_the_report(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    stories = [DealStory(pipeline, tenant.rep.id, at=now - timedelta(days=days)) for days in (1, 2, 12)]
    ahead = DealStory(pipeline, tenant.rep.id, stage="Discovery", at=now + timedelta(hours=1))
    for story in (*stories, ahead):
        story.create()
    stories[1].edit(amount=None)  # no entry
    await publish(reporting, *stories, ahead)
    items = await read_items(reporting.client(tenant.rep))
    assert to_days(items["Qualification"]["open"]) == pytest.approx((3, 5.0, 2.0, 10.0), abs=0.01)
    assert to_days(items["Discovery"]["open"]) == (1, 0.0, 0.0, 0.0)  # a clock that is ahead
    assert items["Qualification"]["left"] == NO_STAYS


async def test_a_clock_that_is_ahead_takes_nothing_from_the_ages_of_others(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    now = datetime.now(UTC)
    stories = [DealStory(pipeline, tenant.rep.id, at=now - timedelta(days=days)) for days in (-30, 1, 2, 12)]
    for story in stories:
        story.create()
    await publish(reporting, *stories)
    items = await read_items(reporting.client(tenant.rep))
    assert to_days(items["Qualification"]["open"]) == pytest.approx((4, 3.75, 1.5, 9.0), abs=0.01)


async def test_closed_and_deleted_deals_stand_in_no_open_stay(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    deleted = live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 2))
    deleted.delete()
    await publish(
        reporting,
        live(pipeline, tenant.rep, ("Closed Won", 1)),
        live(pipeline, tenant.rep, ("Closed Lost", 1), ("Closed Won", 3)),
        deleted,
    )
    client = reporting.client(tenant.rep)
    items = await read_items(client)
    assert {name for name, item in items.items() if item["left"]["count"]} == {"Closed Lost"}
    assert {item["open"]["count"] for item in items.values()} == {0}
    await project_deals(list(deleted.restore()), reporting.database)
    items = await read_items(client)
    assert (items["Proposal"]["open"]["count"], items["Discovery"]["left"]["count"]) == (1, 1)


async def test_another_pipeline_ends_a_stay(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    other = PublishedPipeline.sales(tenant.id, is_default=False)
    await keep_pipelines([other.publish()], reporting.database)
    story = live(pipeline, tenant.rep, ("Discovery", 1))
    story.move("Negotiation", at=at(4), pipeline=other)
    await publish(reporting, story)
    client = reporting.client(tenant.rep)
    items = await read_items(client)
    assert to_days(items["Discovery"]["left"]) == (1, 3.0, 3.0, 3.0)
    assert {item["open"]["count"] for item in items.values()} == {0}
    assert (await read_items(client, pipeline_id=str(other.id)))["Negotiation"]["open"]["count"] == 1


async def test_a_removed_stage_has_a_row_while_it_has_stays(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    await publish(reporting, live(pipeline, tenant.rep, ("Discovery", 1), ("Proposal", 3)))
    left = [stage for stage in pipeline.stages if stage.name not in {"Qualification", "Discovery"}]
    await keep_pipelines([pipeline.republished(stages=tuple(left)).publish()], reporting.database)
    items = await read_items(reporting.client(tenant.rep))
    assert list(items) == [*STAGES[2:], "Discovery"]
    assert to_days(items["Discovery"]["left"]) == (1, 2.0, 2.0, 2.0)


async def test_each_counts_what_they_see(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    contact_id = new_id()
    share = {"user_id": tenant.rep.id, "permission": "READ"}
    published = make_contact_event(tenant.id, tenant.other_rep.id, contact_id=contact_id, version=1, shares=[share])
    await keep_shares([published], reporting.database)
    owners = {tenant.admin: 1, tenant.manager: 2, tenant.rep: 4, tenant.other_rep: 8}
    moves = (("Qualification", 1), ("Discovery", 2))
    stories = [live(pipeline, owner, *moves) for owner, count in owners.items() for _ in range(count)]
    shared = live(pipeline, tenant.other_rep, *moves, ("Proposal", 3), contact_id=contact_id)
    await publish(reporting, *stories, shared)

    async def count(person: Person, **asked: Any) -> tuple[int, int, int]:
        items = await read_items(reporting.client(person), **asked)
        return items["Qualification"]["left"]["count"], *(items[name]["open"]["count"] for name in STAGES[1:3])

    assert [await count(person) for person in tenant.people] == [(16, 15, 1), (6, 6, 0), (5, 4, 1), (9, 8, 1)]
    assert await count(tenant.admin, owner_id=[tenant.rep.id, tenant.manager.id]) == (6, 6, 0)
    assert await count(tenant.rep, owner_id=[tenant.other_rep.id]) == (1, 0, 1)
    assert await count(tenant.manager, owner_id=[tenant.other_rep.id]) == (0, 0, 0)

    strangers = await reporting.seed_tenant()
    answer = await reporting.client(strangers.admin).get(URL, params={"pipeline_id": str(pipeline.id)})
    require_problem(answer, 404, "not-found")
    await keep_pipelines([PublishedPipeline.sales(strangers.id).publish()], reporting.database)
    items = await read_items(reporting.client(strangers.admin))
    assert [(item["open"], item["left"]) for item in items.values()] == [(NO_STAYS, NO_STAYS)] * len(STAGES)


async def test_csv(reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline) -> None:
    await publish(reporting, live(pipeline, tenant.rep, ("Qualification", 1), ("Closed Won", 2.5)))
    answer = await reporting.client(tenant.rep).get(URL, headers={"Accept": "text/csv"})
    assert (answer.headers["content-type"], answer.headers["crm-source"]) == ("text/csv; charset=utf-8", "primary")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    days = ("average_days", "median_days", "p90_days")
    assert list(rows[0]) == [
        "stage_id",
        "stage_name",
        *(f"{s}_{n}" for s in ("open", "left") for n in ("count", *days)),
    ]
    assert [row["stage_name"] for row in rows] == STAGES
    assert list(rows[0].values())[2:] == ["0", "", "", "", "1", "1.5", "1.5", "1.5"]


async def test_a_tenant_without_a_pipeline_yet(reporting: Reporting, tenant: SeededTenant) -> None:
    require_problem(await reporting.client(tenant.admin).get(URL), 404, "not-found")


@pytest.mark.parametrize(
    ("parameters", "pointer"),
    [
        ({"from": "2026-11-01"}, "?from"),
        ({"stage_id": "1"}, "?stage_id"),
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
