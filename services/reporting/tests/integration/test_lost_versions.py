"""Deals and pipelines whose service was restored to an earlier moment, in whatever batches that is told."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import pytest

from crm_reporting.consumers import keep_pipelines, project_deals
from crm_reporting.settings import ReportingSettings
from crm_shared.contracts import Event
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.people import SeededTenant
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines

Reporting = ServiceKit[ReportingSettings]
EPOCHS: Final = (1_000_000, 2_000_000)
TABLES: Final = {
    "deal_versions": "deal_id, version",
    "deal_periods": "deal_id, valid_from",
    "stage_transitions": "deal_id, version",
    "stage_stays": "deal_id, version",
    "stage_conversions": "deal_id, from_stage_id, to_stage_id",
    "stage_versions": "pipeline_id, version, stage_id",
}


def again(snapshot: Event, version: int, restored_from: int) -> Event:
    state = {**snapshot.state, "version": version}
    return replace(snapshot, version=version, state=state, restored_from=restored_from)


async def read_all(reporting: Reporting, tenant: SeededTenant) -> dict[str, list[dict[str, Any]]]:
    async with reporting.database.read_as_worker() as connection:
        return {
            table: [
                dict(row)
                for row in await connection.fetch(
                    f"SELECT * FROM {table} WHERE tenant_id = $1 ORDER BY {order}",  # noqa: S608
                    tenant.id,
                )
            ]
            for table, order in TABLES.items()
        }


@pytest.mark.parametrize("cuts", [(0, 6), (0, 3, 6), (0, 4, 5, 6), (0, 1, 2, 3, 4, 5, 6)], ids=str)
async def test_what_was_lost_is_forgotten_though_it_was_restored_twice(
    reporting: Reporting, tenant: SeededTenant, cuts: tuple[int, ...]
) -> None:
    """`restored` that was interrupted is run again: a batch, of a rebuild above all, holds both and what was lost."""
    pipeline = PublishedPipeline.sales(tenant.id)
    deal = DealStory(pipeline, tenant.rep.id)
    kept = [*deal.create(), *deal.move("Discovery")]
    snapshot = deal.snapshot()
    events = [*kept, *deal.move("Proposal"), *deal.edit(amount=None)]
    events += [again(snapshot, EPOCHS[0], 2), again(snapshot, EPOCHS[1], EPOCHS[0])]
    changed = replace(pipeline.republished(name="Lost"), stages=pipeline.stages[:3])
    pipelines = [pipeline.publish(), changed.publish()]
    pipelines += [again(pipeline.snapshot(), EPOCHS[0], 1), again(pipeline.snapshot(), EPOCHS[1], EPOCHS[0])]
    for begin, end in pairwise(cuts):
        await keep_pipelines(pipelines[begin:end], reporting.database)
        await project_deals(events[begin:end], reporting.database)
    rows = await read_all(reporting, tenant)
    assert [row["version"] for row in rows["deal_versions"]] == [1, 2]
    assert [row["version"] for row in rows["stage_transitions"]] == [1, 2]
    assert [row["amount"] for row in rows["deal_periods"]] == [deal.amount, deal.amount]
    assert {row["version"] for row in rows["stage_versions"]} == {1}
    assert len(rows["stage_stays"]) == 1
    assert len(rows["stage_conversions"]) == 3
