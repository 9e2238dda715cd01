"""History: what is kept of deals' lives equals the lives, and comes back from snapshots alone, row by row."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.reporting.tests.integration.lives import EDITED, MOVED, as_of, deliver, live

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.clock import new_id
from crm_testing.deal_stories import BEGAN_AT, DealStory, PublishedPipeline
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

TABLES: Final = {
    "deal_facts": "deal_id",
    "deal_versions": "deal_id, version",
    "deal_periods": "deal_id, valid_from",
    "stage_transitions": "deal_id, version",
    "stage_versions": "pipeline_id, version, stage_id",
    "stages": "id",
}


async def read_rows(reporting: ServiceKit[ReportingSettings], tenant_id: UUID) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    async with reporting.database.read_as_worker() as connection:
        for table, key in TABLES.items():
            query = f"SELECT * FROM {table} WHERE tenant_id = $1 ORDER BY {key}"  # noqa: S608 - our own names
            rows[table] = [dict(row) for row in await connection.fetch(query, tenant_id)]
    return rows


async def forget(reporting: ServiceKit[ReportingSettings], tenant_id: UUID) -> None:
    async with reporting.database.begin_as_worker() as transaction:
        for table in (*TABLES, "deal_rollup", "pipelines"):
            await transaction.execute(f"DELETE FROM {table} WHERE tenant_id = $1", tenant_id)  # noqa: S608 - our own names


def find_period(rows: Sequence[Mapping[str, Any]], deal_id: UUID, moment: datetime) -> dict[str, Any] | None:
    found = [
        row
        for row in rows
        if row["deal_id"] == deal_id
        and row["valid_from"] <= moment
        and (row["valid_to"] is None or moment < row["valid_to"])
    ]
    assert len(found) <= 1
    return {name: found[0][name] for name in (*MOVED, *EDITED)} if found else None


def list_moments(stories: Sequence[DealStory]) -> set[datetime]:
    moments = {entry["changed_at"] for story in stories for entry in story.value_history}
    return {at + timedelta(microseconds=step) for at in moments for step in (-1, 0, 1)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_periods_are_the_lives_of_deals_however_events_come(
    reporting: ServiceKit[ReportingSettings], data: st.DataObject
) -> None:
    pipeline = PublishedPipeline.sales(new_id())
    stories = [live(data, pipeline) for _ in range(data.draw(st.integers(1, 3)))]
    for batch in deliver(data, [event for story in stories for event in story.events]):
        await project_deals(batch, reporting.database)
    periods = (await read_rows(reporting, pipeline.tenant_id))["deal_periods"]
    for story in stories:
        for moment in sorted(list_moments([story])):
            assert find_period(periods, story.id, moment) == as_of(story, moment), moment
        present = find_period(periods, story.id, max(list_moments([story])))
        assert present == (None if story.is_deleted else {name: story.state[name] for name in (*MOVED, *EDITED)})


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_snapshots_alone_make_every_row_again(
    reporting: ServiceKit[ReportingSettings], data: st.DataObject
) -> None:
    first = PublishedPipeline.sales(new_id())
    second = first.republished(stages=first.stages[1:], at=BEGAN_AT + timedelta(hours=1))
    third = second.republished(stages=first.stages[::-1], at=BEGAN_AT + timedelta(hours=2))
    stories = [live(data, first) for _ in range(data.draw(st.integers(1, 3)))]
    await keep_pipelines([first.publish(), second.publish(), third.publish()], reporting.database)
    for batch in deliver(data, [event for story in stories for event in story.events]):
        await project_deals(batch, reporting.database)
    heard = await read_rows(reporting, first.tenant_id)

    await forget(reporting, first.tenant_id)
    await keep_pipelines([third.snapshot(first, second)], reporting.database)
    await project_deals([story.snapshot() for story in stories], reporting.database)
    rebuilt = await read_rows(reporting, first.tenant_id)

    for table, rows in heard.items():
        assert rebuilt[table] == rows, table

    await project_deals([event for story in stories for event in story.events], reporting.database)
    assert await read_rows(reporting, first.tenant_id) == heard
