"""One trace from a request through the outbox to every projection, seen in a collector that the suite sends it to."""

import secrets
from typing import Final

import pytest

from crm_testing.suite.running import RunningCrm
from crm_testing.suite.tenant import Tenant, eventually
from crm_testing.trace_collector import CollectedSpan, TraceCollector

pytestmark = pytest.mark.engines

OPEN_METRICS: Final = {"accept": "application/openmetrics-text; version=1.0.0"}
GROUPS: Final = {"activities.deal-notes", "search.index", "reporting.deals"}


def find(spans: list[CollectedSpan], process: str, name: str) -> CollectedSpan:
    [found] = [span for span in spans if (span.process, span.name) == (process, name)]
    return found


async def test_a_move_is_one_trace_to_the_timeline_the_index_and_the_report(
    crm: RunningCrm, tenant: Tenant, collector: TraceCollector
) -> None:
    admin = tenant.admin
    deal = await admin.post("deals", "/v1/deals", {"name": "Traced renewal"})
    stages = await admin.stages()
    await crm.drain()
    trace_id, caller_span = secrets.token_hex(16), "b7ad6b7169203331"

    moved = await admin.call(
        "deals",
        "POST",
        f"/v1/deals/{deal['id']}/move",
        json={"stage_id": stages["Proposal"]},
        headers={"traceparent": f"00-{trace_id}-{caller_span}-01"},
    )
    assert moved.headers["traceparent"].split("-")[1] == trace_id

    # A group may handle more of the trace than the move: the note that follows from it reaches search too.
    def list_handled() -> dict[str, CollectedSpan]:
        request = [span for span in collector.list_of(trace_id) if span.parent_id == caller_span]
        move = {(trace_id, span.span_id) for span in request}
        handled = [span for span in collector.list_of(trace_id) if span.links & move]
        return {str(span.attributes.get("messaging.consumer.group.name")): span for span in handled}

    async def list_groups() -> set[str]:
        return GROUPS & list_handled().keys()

    await eventually(list_groups, GROUPS)
    spans = collector.list_of(trace_id)
    request = find(spans, "crm-deals api", "POST /v1/deals/{deal_id}/move")
    assert request.parent_id == caller_span
    assert find(spans, "crm-deals relay", "send crm.deal").parent_id == request.span_id
    handled = list_handled()
    assert {group: handled[group].process for group in GROUPS} == {
        group: f"crm-{group.partition('.')[0]} worker" for group in GROUPS
    }
    assert any(span.name.startswith("bulk ") for span in spans)
    shown = str(spans)
    assert "renewal" not in shown
    assert str(tenant.id) not in shown

    metrics = (await crm.read_metrics(OPEN_METRICS))["reporting-worker"]
    freshness = [line for line in metrics.splitlines() if line.startswith("crm_bus_freshness_seconds_bucket")]
    assert any(f'trace_id="{trace_id}"' in line for line in freshness)


async def test_what_no_caller_asks_to_be_recorded_is_not(
    crm: RunningCrm, tenant: Tenant, collector: TraceCollector
) -> None:
    answer = await tenant.admin.call("deals", "POST", "/v1/deals", json={"name": "Untraced renewal"})
    await crm.drain()
    _, trace_id, _, flags = answer.headers["traceparent"].split("-")
    assert flags == "00"
    assert collector.list_of(trace_id) == []
