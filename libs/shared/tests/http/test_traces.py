"""A request's span: by its route's template, with its status and its statements, and without what it said."""

from typing import Final
from uuid import uuid4

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as read_plain

from crm_testing.trace_collector import CollectedSpan, TraceCollector, recording_here

pytestmark = pytest.mark.engines

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
CALLER: Final = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
OPEN_METRICS: Final = {"accept": "application/openmetrics-text; version=1.0.0"}
NAME: Final = "Zoe Quist"


def servers(collector: TraceCollector) -> list[CollectedSpan]:
    return [span for span in collector.spans if span.kind == "server"]


async def test_a_request_and_its_statements_are_of_its_callers_trace(
    rep: httpx.AsyncClient, collector: TraceCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording_here(collector, monkeypatch):
        created = await rep.post("/v1/things", json={"name": NAME}, headers=CALLER)
        read = await rep.get(f"/v1/things/{created.json()['id']}", headers=CALLER)
        await rep.get("/v1/things", params={"nonsense": NAME}, headers=CALLER)

    assert {span.trace_id for span in collector.spans} == {TRACE}
    noted = [(span.name, span.attributes["http.response.status_code"], span.has_failed) for span in servers(collector)]
    assert noted == [
        ("POST /v1/things", 201, False),
        ("GET /v1/things/{thing_id}", 200, False),
        ("GET /v1/things", 422, False),
    ]
    _, _, span_id, flags = read.headers["traceparent"].split("-")
    assert (span_id, flags) == (servers(collector)[1].span_id, "01")

    statements = {span.name: span for span in collector.spans if span.kind == "client"}
    assert statements["INSERT things"].parent_id == servers(collector)[0].span_id
    assert statements["INSERT things"].attributes["db.system.name"] == "postgresql"
    assert NAME not in str(collector.spans)
    assert created.json()["id"] not in str(collector.spans)


async def test_our_own_fault_fails_the_span(
    rep: httpx.AsyncClient, collector: TraceCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording_here(collector, monkeypatch):
        await rep.get(f"/v1/things/{uuid4()}/fault", headers=CALLER)
    [span] = servers(collector)
    assert span.has_failed
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("internal-error", 500)


async def test_a_histogram_leads_to_a_trace_where_the_asker_can_read_it(
    rep: httpx.AsyncClient, collector: TraceCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/things/{uuid4()}"
    with recording_here(collector, monkeypatch, OTEL_TRACES_SAMPLER="parentbased_always_off"):
        await rep.get(path)
        await rep.get(path, headers=CALLER)
    [span] = servers(collector)

    answer = await rep.get("/metrics", headers=OPEN_METRICS)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]  # the library has no types here
    [family] = [one for one in families if one.name == "crm_http_request_seconds"]
    exemplars = [sample.exemplar.labels for sample in family.samples if sample.exemplar]
    assert {"trace_id": TRACE, "span_id": span.span_id} in exemplars

    plain = await rep.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain")
    assert any(family.name == "crm_http_request_seconds" for family in read_plain(plain.text))
    assert TRACE not in plain.text
