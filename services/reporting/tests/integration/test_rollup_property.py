"""Whatever happens to deals, in whatever batches, with whatever repetitions: the rollup is what the facts add up to."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_reporting.consumers import project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_shared.contracts import Event
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

STAGES = ("Qualification", "Proposal", "Closed Won", "Closed Lost")
OWNERS = (new_id(), new_id())

amounts = st.none() | st.decimals(min_value=0, max_value=10**13, places=2)
currencies = st.sampled_from(("EUR", "USD"))
close_dates = st.none() | st.sampled_from((date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31)))
edits = st.fixed_dictionaries(
    {},
    optional={
        "amount": amounts,
        "currency": currencies,
        "close_date": close_dates,
        "owner_id": st.sampled_from((*OWNERS, None)),
        "name": st.just("Renamed"),
    },
)
acts = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(STAGES)),
    st.tuples(st.just("edit"), edits),
    st.tuples(st.just("hide or show"), st.none()),
)
deals = st.tuples(st.sampled_from(STAGES), amounts, currencies, close_dates, st.sampled_from(OWNERS))

DIFFERENCE = """
    WITH recomputed AS (
        SELECT pipeline_id, stage_id, owner_id, currency, date_trunc('month', close_date::timestamp)::date, status,
               count(*), sum(COALESCE(amount, 0)), sum(extract(epoch FROM created_at)),
               sum(extract(epoch FROM stage_changed_at))
          FROM deal_facts
         WHERE tenant_id = $1 AND NOT is_deleted
         GROUP BY 1, 2, 3, 4, 5, 6
    ), rolled AS (
        SELECT pipeline_id, stage_id, owner_id, currency, close_month, status, deal_count, total_amount,
               created_epoch_s, stage_changed_epoch_s
          FROM deal_rollup
         WHERE tenant_id = $1
    )
    (SELECT * FROM rolled EXCEPT ALL SELECT * FROM recomputed)
    UNION ALL
    (SELECT * FROM recomputed EXCEPT ALL SELECT * FROM rolled)
"""
CLOSING_DIFFERENCE = """
    WITH closed AS (
        SELECT pipeline_id, owner_id, (closed_at AT TIME ZONE 'UTC')::date AS closed_day, currency, status, stage_id,
               amount, closed_at - created_at AS cycle
          FROM deal_facts
         WHERE tenant_id = $1 AND NOT is_deleted AND status <> 'OPEN'
    ), recomputed AS (
        SELECT pipeline_id, false, owner_id, closed_day, currency, status, stage_id, count(*),
               count(nullif(amount, 0)), sum(COALESCE(amount, 0)),
               sum(CASE WHEN cycle > interval '0' THEN extract(epoch FROM cycle) ELSE 0 END)
          FROM closed
         GROUP BY 1, 2, 3, 4, 5, 6, 7
         UNION ALL
        SELECT pipeline_id, true, NULL::uuid, closed_day, currency, status, stage_id, count(*),
               count(nullif(amount, 0)), sum(COALESCE(amount, 0)),
               sum(CASE WHEN cycle > interval '0' THEN extract(epoch FROM cycle) ELSE 0 END)
          FROM closed
         GROUP BY 1, 2, 3, 4, 5, 6, 7
    ), rolled AS (
        SELECT pipeline_id, is_of_all, owner_id, closed_day, currency, status, stage_id, deal_count, valued_count,
               total_amount, total_cycle_s
          FROM closing_rollup
         WHERE tenant_id = $1
    )
    (SELECT * FROM rolled EXCEPT ALL SELECT * FROM recomputed)
    UNION ALL
    (SELECT * FROM recomputed EXCEPT ALL SELECT * FROM rolled)
"""
STAYS_DIFFERENCE = """
    WITH recomputed AS (
        SELECT t.deal_id, t.version, t.to_stage_id, d.owner_id,
               extract(epoch FROM later.changed_at - t.changed_at)::float8
          FROM deal_facts d
          JOIN stage_transitions t ON (t.tenant_id, t.deal_id) = (d.tenant_id, d.deal_id)
         CROSS JOIN LATERAL (
               SELECT n.changed_at
                 FROM stage_transitions n
                WHERE (n.tenant_id, n.deal_id) = (t.tenant_id, t.deal_id)
                  AND (n.changed_at, n.version) > (t.changed_at, t.version)
                ORDER BY n.changed_at, n.version
                LIMIT 1) later
         WHERE d.tenant_id = $1 AND NOT d.is_deleted
    ), kept AS (
        SELECT deal_id, version, stage_id, owner_id, lasted_s FROM stage_stays WHERE tenant_id = $1
    )
    (SELECT * FROM kept EXCEPT ALL SELECT * FROM recomputed)
    UNION ALL
    (SELECT * FROM recomputed EXCEPT ALL SELECT * FROM kept)
"""
STAY_SUMS_DIFFERENCE = """
    WITH recomputed AS (
        SELECT stage_id, owner_id, floor(16 * ln(1 + lasted_s))::integer, count(*), sum(lasted_s::numeric)
          FROM stage_stays
         WHERE tenant_id = $1
         GROUP BY 1, 2, 3
    ), rolled AS (
        SELECT stage_id, owner_id, length_class, stay_count, total_s FROM stay_rollup WHERE tenant_id = $1
    )
    (SELECT * FROM rolled EXCEPT ALL SELECT * FROM recomputed)
    UNION ALL
    (SELECT * FROM recomputed EXCEPT ALL SELECT * FROM rolled)
"""
# Plainly: from each entry without an earlier one into its stage to the first entry into each stage from then on.
CONVERSIONS_DIFFERENCE = """
    WITH entries AS (
        SELECT t.deal_id, t.version, t.to_stage_id AS stage_id, t.changed_at, d.owner_id
          FROM deal_facts d
          JOIN stage_transitions t ON (t.tenant_id, t.deal_id) = (d.tenant_id, d.deal_id)
         WHERE d.tenant_id = $1 AND NOT d.is_deleted
    ), recomputed AS (
        SELECT DISTINCT ON (a.deal_id, a.stage_id, b.stage_id) a.deal_id, a.stage_id, b.stage_id, a.owner_id,
               a.changed_at, extract(epoch FROM b.changed_at - a.changed_at)::float8
          FROM entries a
          JOIN entries b ON b.deal_id = a.deal_id AND (b.changed_at, b.version) >= (a.changed_at, a.version)
         WHERE NOT EXISTS (SELECT FROM entries e
                            WHERE (e.deal_id, e.stage_id) = (a.deal_id, a.stage_id)
                              AND (e.changed_at, e.version) < (a.changed_at, a.version))
         ORDER BY a.deal_id, a.stage_id, b.stage_id, b.changed_at, b.version
    ), kept AS (
        SELECT deal_id, from_stage_id, to_stage_id, owner_id, entered_at, elapsed_s
          FROM stage_conversions
         WHERE tenant_id = $1
    )
    (SELECT * FROM kept EXCEPT ALL SELECT * FROM recomputed)
    UNION ALL
    (SELECT * FROM recomputed EXCEPT ALL SELECT * FROM kept)
"""
DIFFERENCES = (DIFFERENCE, CLOSING_DIFFERENCE, STAYS_DIFFERENCE, STAY_SUMS_DIFFERENCE, CONVERSIONS_DIFFERENCE)
FACT_FIELDS = (
    *("version", "pipeline_id", "stage_id", "owner_id", "status", "amount", "currency", "close_date"),
    *("created_at", "stage_changed_at", "closed_at"),
)


def act(story: DealStory, what: str, value: Any) -> None:
    if what == "move":
        if story.pipeline.stage(value).id != story.state["stage_id"]:
            story.move(value)
    elif what == "edit":
        story.edit(**value)
    elif story.is_deleted:
        story.restore()
    else:
        story.delete()


def publish_stories(data: st.DataObject, pipeline: PublishedPipeline) -> tuple[list[DealStory], list[Event]]:
    """Let deals live at random; give them, and all events with each deal's in order."""
    stories: list[DealStory] = []
    for stage, amount, currency, close_date, owner_id in data.draw(st.lists(deals, min_size=1, max_size=4)):
        story = DealStory(pipeline, owner_id, amount, currency, close_date, stage)
        story.create()
        stories.append(story)
    for index, (what, value) in data.draw(st.lists(st.tuples(st.integers(0, len(stories) - 1), acts), max_size=20)):
        act(stories[index], what, value)
    return stories, [event for story in stories for event in story.events]


def deliver(data: st.DataObject, events: list[Event], stories: list[DealStory]) -> Iterator[list[Event]]:
    """Cut the stream into batches; between them repeat a prefix, or some events in any order, or a snapshot."""
    done = 0
    while done < len(events):
        size = data.draw(st.integers(1, 8))
        batch = events[done : done + size]
        done = min(done + size, len(events))
        again = data.draw(st.sampled_from(("nothing", "prefix", "some", "snapshot")))
        if again == "prefix":
            yield batch
            yield events[: data.draw(st.integers(1, done))]
        elif again == "some":
            yield [*batch, *data.draw(st.permutations(events[:done]))[: data.draw(st.integers(0, 5))]]
        elif again == "snapshot" and done == len(events):
            yield batch
            yield [data.draw(st.sampled_from(stories)).snapshot()]
        else:
            yield batch


async def require_rollup(reporting: ServiceKit[ReportingSettings], tenant_id: UUID) -> None:
    async with reporting.database.read_as_worker() as connection:
        for difference in DIFFERENCES:
            assert await connection.fetch(difference, tenant_id) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_the_rollup_is_what_the_facts_add_up_to(
    reporting: ServiceKit[ReportingSettings], data: st.DataObject
) -> None:
    pipeline = PublishedPipeline.sales(new_id())
    stories, events = publish_stories(data, pipeline)
    if data.draw(st.booleans()):  # deals' lives side by side, each in its order
        events.sort(key=lambda event: event.version)

    for batch in deliver(data, events, stories):
        await project_deals(batch, reporting.database)
        await require_rollup(reporting, pipeline.tenant_id)

    async with reporting.database.read_as_worker() as connection:
        facts = await connection.fetch("SELECT * FROM deal_facts WHERE tenant_id = $1", pipeline.tenant_id)
        entries = await connection.fetch("SELECT * FROM stage_transitions WHERE tenant_id = $1", pipeline.tenant_id)
    by_deal = {fact["deal_id"]: fact for fact in facts}
    for story in stories:
        fact = by_deal.pop(story.id)
        assert {name: fact[name] for name in FACT_FIELDS} == {name: story.state[name] for name in FACT_FIELDS}
        assert fact["is_deleted"] == story.is_deleted
        known = {
            row["version"]: (row["to_stage_id"], row["changed_at"]) for row in entries if row["deal_id"] == story.id
        }
        moves = {entry["version"]: (entry["to_stage"]["id"], entry["changed_at"]) for entry in story.history}
        assert known == moves
    assert by_deal == {}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("deal_rollup", "total_amount"),
        ("closing_rollup", "total_amount"),
        ("stage_stays", "lasted_s"),
        ("stay_rollup", "total_s"),
        ("stage_conversions", "elapsed_s"),
    ],
)
async def test_the_check_sees_what_is_wrong(reporting: ServiceKit[ReportingSettings], table: str, column: str) -> None:
    story = DealStory(PublishedPipeline.sales(new_id()), OWNERS[0], Decimal(10))
    story.create()
    story.move("Closed Won")
    await project_deals(story.events, reporting.database)
    await require_rollup(reporting, story.pipeline.tenant_id)
    async with reporting.database.begin_as_worker() as transaction:
        await transaction.execute(
            f"UPDATE {table} SET {column} = {column} + 1 WHERE tenant_id = $1",  # noqa: S608 - named above
            story.pipeline.tenant_id,
        )
    with pytest.raises(AssertionError):
        await require_rollup(reporting, story.pipeline.tenant_id)
