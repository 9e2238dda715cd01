"""What the consumers make of events: facts, transitions, the rollup; repeated, late, out of order, at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from crm_reporting import store
from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.contracts import BadRecord, Event
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
TABLES = ("deal_facts", "stage_transitions", "deal_rollup", "pipelines", "stages", "source_progress")

RECOMPUTED = """
    SELECT pipeline_id, stage_id, owner_id, currency, date_trunc('month', close_date::timestamp)::date AS close_month,
           status, count(*) AS deal_count, sum(COALESCE(amount, 0)) AS total_amount,
           sum(extract(epoch FROM created_at)) AS created_epoch_s,
           sum(extract(epoch FROM stage_changed_at)) AS stage_changed_epoch_s
      FROM deal_facts
     WHERE tenant_id = $1 AND NOT is_deleted
     GROUP BY 1, 2, 3, 4, 5, 6
"""
ROLLED = """
    SELECT pipeline_id, stage_id, owner_id, currency, close_month, status, deal_count, total_amount, created_epoch_s,
           stage_changed_epoch_s
      FROM deal_rollup
     WHERE tenant_id = $1
"""


async def read(reporting: Reporting, query: str, *parameters: object) -> list[dict[str, Any]]:
    async with reporting.database.read_as_worker() as connection:
        return [dict(row) for row in await connection.fetch(query, *parameters)]


async def require_rollup(reporting: Reporting, tenant: SeededTenant) -> None:
    rolled = {tuple(row.values()) for row in await read(reporting, ROLLED, tenant.id)}
    assert rolled == {tuple(row.values()) for row in await read(reporting, RECOMPUTED, tenant.id)}


async def list_transitions(reporting: Reporting, story: DealStory) -> list[dict[str, Any]]:
    return await read(
        reporting, "SELECT * FROM stage_transitions WHERE tenant_id = $1 AND deal_id = $2 ORDER BY version",
        story.pipeline.tenant_id, story.id,
    )  # fmt: skip


def publish_life(pipeline: PublishedPipeline, tenant: SeededTenant) -> DealStory:
    story = DealStory(pipeline, tenant.rep.id)
    story.create()
    story.move("Discovery")
    story.edit(amount=Decimal("2500.50"), close_date=None)
    story.move("Closed Won")
    return story


async def test_a_batch_makes_one_fact_and_every_transition(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    await project_deals(story.events, reporting.database)

    [fact] = await read(reporting, "SELECT * FROM deal_facts WHERE tenant_id = $1", tenant.id)
    assert (fact["version"], fact["status"], fact["amount"]) == (5, "WON", Decimal("2500.50"))
    assert fact["stage_id"] == pipeline.stage("Closed Won").id
    entries = await list_transitions(reporting, story)
    assert [entry["version"] for entry in entries] == [1, 2, 4]
    assert [entry["from_stage_name"] for entry in entries] == [None, "Qualification", "Discovery"]
    assert [entry["to_stage_name"] for entry in entries] == [None, "Discovery", "Closed Won"]
    assert [entry["amount"] for entry in entries] == [Decimal("1000.00"), Decimal("1000.00"), Decimal("2500.50")]
    assert {entry["changed_by"] for entry in entries} == {tenant.rep.id}
    [row] = await read(reporting, ROLLED, tenant.id)
    assert (row["deal_count"], row["total_amount"], row["close_month"]) == (1, Decimal("2500.50"), None)
    await require_rollup(reporting, tenant)


async def test_one_event_at_a_time_ends_the_same(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    for event in story.events:
        await project_deals([event], reporting.database)
        await require_rollup(reporting, tenant)
    assert len(await list_transitions(reporting, story)) == 3


@pytest.mark.parametrize("prefix", range(1, 6))
async def test_any_prefix_again_writes_nothing(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline, prefix: int
) -> None:
    story = publish_life(pipeline, tenant)
    await project_deals(story.events, reporting.database)
    before = await reporting.list_rows(*TABLES)

    await project_deals(story.events[:prefix], reporting.database)
    for event in story.events[:prefix]:
        await project_deals([event], reporting.database)
    await keep_pipelines([pipeline.publish()], reporting.database)

    assert await reporting.list_rows(*TABLES) == before


async def test_a_late_event_moves_no_fact_but_its_transition_is_kept(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    await project_deals(story.events[2:], reporting.database)
    facts = await reporting.list_rows("deal_facts", "deal_rollup")

    await project_deals(story.events[:2], reporting.database)

    assert await reporting.list_rows("deal_facts", "deal_rollup") == facts
    assert [entry["version"] for entry in await list_transitions(reporting, story)] == [1, 2, 4]


async def test_a_deleted_deal_counts_nowhere_and_a_restored_one_again(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = DealStory(pipeline, tenant.rep.id)
    await project_deals([*story.create(), *story.delete()], reporting.database)
    assert await read(reporting, ROLLED, tenant.id) == []
    await project_deals(list(story.restore()), reporting.database)
    assert [row["deal_count"] for row in await read(reporting, ROLLED, tenant.id)] == [1]
    await project_deals(list(story.delete()), reporting.database)
    assert await read(reporting, ROLLED, tenant.id) == []


async def test_a_snapshot_alone_gives_the_fact_and_the_whole_history(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    await project_deals([story.snapshot()], reporting.database)

    entries = await list_transitions(reporting, story)
    assert [entry["to_stage_name"] for entry in entries] == [None, "Discovery", "Closed Won"]
    assert [entry["amount"] for entry in entries] == [Decimal("1000.00"), Decimal("1000.00"), Decimal("2500.50")]
    await require_rollup(reporting, tenant)
    assert len(await read(reporting, ROLLED, tenant.id)) == 1


async def test_snapshot_and_events_complete_each_other_in_either_order(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    def forget_ids(entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in entry.items() if name != "deal_id"} for entry in entries]

    first, second, at_once = (publish_life(pipeline, tenant) for _ in range(3))
    await project_deals([first.snapshot()], reporting.database)
    await project_deals(first.events, reporting.database)
    await project_deals(second.events, reporting.database)
    await project_deals([second.snapshot()], reporting.database)
    await project_deals([*at_once.events, at_once.snapshot()], reporting.database)

    entries = forget_ids(await list_transitions(reporting, first))
    assert entries[0]["amount"] == Decimal("1000.00")
    assert forget_ids(await list_transitions(reporting, second)) == entries
    assert forget_ids(await list_transitions(reporting, at_once)) == entries


async def test_workers_at_once_neither_deadlock_nor_miscount(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    """Also one deal in two workers, as for a moment after a partition has changed hands."""
    stories = [publish_life(pipeline, tenant) for _ in range(30)]
    events = [event for story in stories for event in story.events]
    backwards = [event for story in reversed(stories) for event in story.events]
    await asyncio.gather(
        *(project_deals(part[start::3], reporting.database) for part in (events, backwards) for start in range(3)),
        *(project_deals(story.events[:2], reporting.database) for story in stories[:10]),
    )
    await require_rollup(reporting, tenant)
    facts = await read(reporting, "SELECT version FROM deal_facts WHERE tenant_id = $1", tenant.id)
    assert [fact["version"] for fact in facts] == [5] * 30


async def test_a_deal_may_come_before_its_tenant_and_its_pipeline(reporting: Reporting, tenant: SeededTenant) -> None:
    unknown = PublishedPipeline.sales(tenant.rep.id)  # some id that is no tenant's
    story = DealStory(unknown, tenant.rep.id)
    await project_deals(list(story.create()), reporting.database)
    assert len(await read(reporting, "SELECT 1 FROM deal_facts WHERE tenant_id = $1", tenant.rep.id)) == 1


async def test_a_stage_that_left_its_pipeline_is_marked_and_may_come_back(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    query = "SELECT name FROM stages WHERE tenant_id = $1 AND is_removed"
    shorter = pipeline.republished(stages=pipeline.stages[1:])
    await keep_pipelines([shorter.publish()], reporting.database)
    assert await read(reporting, query, tenant.id) == [{"name": "Qualification"}]
    await keep_pipelines([pipeline.publish()], reporting.database)  # stale
    assert await read(reporting, query, tenant.id) == [{"name": "Qualification"}]
    await keep_pipelines([shorter.republished(stages=pipeline.stages).publish()], reporting.database)
    assert await read(reporting, query, tenant.id) == []


def break_state(event: Event, **state: object) -> Event:
    return replace(event, state={**event.state, **state})


def break_changed(event: Event, **changed: Any) -> Event:
    return replace(event, changed={**(event.changed or {}), **changed})


async def test_a_bad_record_is_refused_whole(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    bad = [
        break_state(story.events[0], amount="a lot"),
        break_changed(story.events[1], stage_id={"from": 7, "to": None}),
        break_changed(story.events[1], stage_name={"from": 7, "to": None}),
        replace(story.snapshot(), history=[{"version": 1}]),
    ]
    for event in bad:
        with pytest.raises(BadRecord):
            await project_deals([*story.events[3:], event], reporting.database)
    assert await read(reporting, "SELECT 1 FROM deal_facts WHERE tenant_id = $1", tenant.id) == []


async def test_every_table_is_protected(reporting: Reporting) -> None:
    assert await reporting.list_unprotected() == []


async def test_every_moment_and_day_has_a_range_check(reporting: Reporting) -> None:
    assert await reporting.list_unchecked_times() == []


async def test_a_deal_that_is_gone_counts_no_more_whatever_its_event_holds(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    await project_deals(story.events, reporting.database)
    [deleted] = story.delete()
    unreadable = replace(deleted, state={**deleted.state, "created_at": "0001-01-01T00:00:00"})
    await project_deals([unreadable], reporting.database)
    await project_deals(story.events[:-1], reporting.database)
    assert await read(reporting, ROLLED, tenant.id) == []
    await require_rollup(reporting, tenant)

    await project_deals(list(story.restore()), reporting.database)
    [row] = await read(reporting, ROLLED, tenant.id)
    assert row["deal_count"] == 1
    await require_rollup(reporting, tenant)


async def test_a_deal_that_was_never_heard_of_may_end_unreadably(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    [deleted] = story.delete()
    await project_deals([replace(deleted, state={"id": str(story.id), "version": deleted.version})], reporting.database)
    await project_deals(story.events[:-1], reporting.database)
    assert await read(reporting, ROLLED, tenant.id) == []


async def test_sums_can_be_made_anew_from_the_facts(
    reporting: Reporting, tenant: SeededTenant, pipeline: PublishedPipeline
) -> None:
    story = publish_life(pipeline, tenant)
    gone = publish_life(pipeline, tenant)
    await project_deals([*story.events, *gone.events, *gone.delete()], reporting.database)
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(
            "UPDATE deal_rollup SET deal_count = 9, total_amount = -1 WHERE tenant_id = $1", tenant.id
        )
        await store.recount(transaction)
    await require_rollup(reporting, tenant)
    [row] = await read(reporting, ROLLED, tenant.id)
    assert (row["deal_count"], row["total_amount"]) == (1, Decimal("2500.50"))
