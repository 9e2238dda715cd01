"""What events tell of is read beside the event loop: one snapshot may hold thousands of versions."""

import pytest

from crm_reporting import consumers, projections
from crm_reporting.activities import projections as activity_projections
from crm_reporting.consumers import keep_activities, keep_pipelines, project_deals
from crm_reporting.history import projections as histories
from crm_reporting.reports.activity_metrics import days as metrics_days
from crm_reporting.settings import ReportingSettings
from crm_shared.http import exports
from crm_testing.deal_stories import DealStory, PublishedPipeline
from crm_testing.loop_rounds import LoopRounds
from crm_testing.people import SeededTenant
from crm_testing.published_records import PublishedRecord
from crm_testing.service_kit import ServiceKit

pytestmark = pytest.mark.engines


async def test_deals_and_pipelines_are_read_in_a_thread(
    reporting: ServiceKit[ReportingSettings],
    tenant: SeededTenant,
    pipeline: PublishedPipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rounds = LoopRounds()
    for module, name in [
        (projections, "read_deals"),
        (projections, "to_facts"),
        (projections, "to_transitions"),
        (projections, "to_pipelines"),
        (histories, "to_deal_versions"),
        (histories, "to_stage_versions"),
    ]:
        rounds.watch_in(monkeypatch, module, name)
    story = DealStory(pipeline, tenant.rep.id)
    story.create()
    story.move("Discovery")
    await project_deals([story.snapshot()], reporting.database)
    await keep_pipelines([pipeline.republished(name="Renewals").publish()], reporting.database)
    assert (rounds.calls, rounds.most) == (6, 0)


async def test_e_mails_that_name_many_others_are_read_in_a_thread(
    reporting: ServiceKit[ReportingSettings], tenant: SeededTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = LoopRounds()
    monkeypatch.setattr(consumers, "NAMES_AT_ONCE", 5)
    rounds.watch_in(monkeypatch, activity_projections, "to_key")
    for named, most in [(2, 4), (3, 0)]:
        rounds.calls = rounds.most = 0
        fields = {"direction": "INBOUND", "reference_ids": [f"<{number}@x.example>" for number in range(named)]}
        mails = [PublishedRecord.new("activity", tenant.id, type="EMAIL", **fields).publish() for _ in range(2)]
        await keep_activities(mails, reporting.database)
        assert (rounds.calls, rounds.most) == (2 * named, most)


async def test_the_days_of_many_reps_are_read_and_written_in_pieces(
    reporting: ServiceKit[ReportingSettings],
    tenant: SeededTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = [
        PublishedRecord.new(
            "activity", tenant.id, type="CALL", user_id=tenant.rep.id, occurred_at=f"2026-03-0{day}T12:00:00Z"
        ).publish()
        for day in range(1, 8)
    ]
    await keep_activities(calls, reporting.database)
    read, written = LoopRounds(), LoopRounds()
    monkeypatch.setattr(metrics_days, "PIECE_ROWS", 3)
    read.watch_in(monkeypatch, metrics_days, "_to_day")
    monkeypatch.setattr(exports, "PIECE_ROWS", 3)
    written.watch_in(monkeypatch, exports, "write_rows")
    asked = {"from": "2026-03-01", "to": "2026-03-31", "time_zone": "UTC"}
    answer = await reporting.client(tenant.rep).get(
        "/v1/reports/activity-metrics", params=asked, headers={"Accept": "text/csv"}
    )
    assert len(answer.text.splitlines()) == 1 + len(calls)
    assert (read.calls, read.most) == (len(calls), 3)
    assert (written.calls, written.most) == (3, 1)
