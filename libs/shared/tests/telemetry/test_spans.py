"""What is recorded, of whom, and in whose trace; and that a process without tracing has nothing to do with it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Final

import pytest
import structlog

from crm_shared.telemetry import recording as recorder_of_opentelemetry
from crm_shared.telemetry import spans, tracing
from crm_shared.telemetry.logs import configure_logs
from crm_shared.telemetry.traces import current_traceparent, is_sampled
from crm_testing.trace_collector import CollectedSpan, TraceCollector, recording_here

ONE: Final = "00-" + "a1" * 16 + "-" + "b1" * 8 + "-01"
OTHER: Final = "00-" + "a2" * 16 + "-" + "b2" * 8 + "-01"
UNSAMPLED: Final = "00-" + "a3" * 16 + "-" + "b3" * 8 + "-00"
LAST: Final = "00-" + "a4" * 16 + "-" + "b4" * 8 + "-00"

# A worker and a relay load nothing of OpenTelemetry but an empty file, by which FastStream looks whether it is there;
# an API the few files of its interface, which FastAPI imports.
LOADED: Final = """
import importlib, sys
from crm_shared.telemetry.spans import begin, is_recording
from crm_shared.telemetry.tracing import recording

def list_loaded(*packages):
    return {name for name in sys.modules if name.startswith(packages)}

for module in ("crm_deals.cli", "crm_deals.worker", "crm_shared.bus.worker", "crm_shared.outbox.relay"):
    importlib.import_module(module)
with recording("deals", "worker"), begin("process crm.deal", "consumer", {}, ()):
    assert not is_recording()
assert list_loaded("opentelemetry") <= {"opentelemetry", "opentelemetry.semconv"}, list_loaded("opentelemetry")
for module in ("crm_deals.app", "crm_search.app", "crm_search.worker", "crm_shared.http.server"):
    importlib.import_module(module)
sending = list_loaded("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto_json", "google.protobuf")
assert not sending, sending
"""


def ids(traceparent: str) -> tuple[str, str]:
    _, trace_id, span_id, _ = traceparent.split("-")
    return trace_id, span_id


def by_name(collector: TraceCollector) -> dict[str, CollectedSpan]:
    assert len({span.name for span in collector.spans}) == len(collector.spans)
    return {span.name: span for span in collector.spans}


@pytest.fixture(autouse=True)
def _ended_threads() -> Iterator[None]:
    """Wait for the exporter's threads: one that tries again draws from `random`, which Hypothesis minds anywhere."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=60)
        assert not thread.is_alive(), thread.name


def test_a_process_that_is_not_asked_loads_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*tracing.ENDPOINTS, "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    subprocess.run([sys.executable, "-c", LOADED], check=True)  # noqa: S603 - our own words


def test_a_request_goes_on_with_its_callers_trace_and_calls_are_within_it(
    collector: TraceCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording_here(collector, monkeypatch):
        with spans.begin("GET /v1/deals", "server", {"http.route": "/v1/deals"}, [ONE]) as span:
            outer = current_traceparent()
            with spans.begin_call("SELECT deals", {"db.system.name": "postgresql"}):
                assert current_traceparent() != outer
            assert current_traceparent() == outer
            span.note("http.response.status_code", 200)
        assert span.exemplar == dict(zip(("trace_id", "span_id"), ids(outer or ""), strict=True))

    found = by_name(collector)
    request, statement = found["GET /v1/deals"], found["SELECT deals"]
    assert (request.process, request.kind) == ("crm-test job", "server")
    assert (request.trace_id, request.parent_id) == ids(ONE)
    assert request.attributes == {"http.route": "/v1/deals", "http.response.status_code": 200}
    assert (statement.trace_id, statement.parent_id, statement.kind) == (*ids(outer or ""), "client")


def test_what_a_block_raises_fails_its_span_and_is_not_quoted(
    collector: TraceCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        recording_here(collector, monkeypatch),
        pytest.raises(ValueError, match="Zoë"),
        spans.begin("process crm.deal", "consumer", {}, [ONE]),
    ):
        raise ValueError("Zoë Quist is not a number")
    [span] = collector.spans
    assert span.has_failed
    assert span.attributes == {"error.type": "ValueError"}


@pytest.mark.parametrize(
    ("received", "parent", "linked"),
    [
        ([ONE], ONE, [ONE]),
        ([ONE, UNSAMPLED, ""], ONE, [ONE]),
        ([ONE, OTHER, UNSAMPLED], None, [ONE, OTHER]),
    ],
    ids=["one", "one of three is recorded", "several are"],
)
def test_a_batch_goes_on_with_one_trace_or_is_linked_to_all(
    collector: TraceCollector,
    monkeypatch: pytest.MonkeyPatch,
    received: list[str],
    parent: str | None,
    linked: list[str],
) -> None:
    # Of themselves no traces begin here: a batch is recorded since somebody records what it is made of.
    with recording_here(collector, monkeypatch, OTEL_TRACES_SAMPLER="parentbased_always_off"):
        with spans.begin("process crm.deal", "consumer", {}, received) as span:
            assert is_sampled(current_traceparent())
        assert span.exemplar is not None
    [batch] = collector.spans
    assert batch.links == {ids(one) for one in linked}
    if parent is None:
        assert batch.parent_id == ""
        assert batch.trace_id not in {ids(one)[0] for one in received}
    else:
        assert (batch.trace_id, batch.parent_id) == ids(parent)


def test_as_many_are_linked_as_a_batch_may_hold(collector: TraceCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    received = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 501)]
    with recording_here(collector, monkeypatch), spans.begin("process crm.deal", "consumer", {}, received):
        pass
    [batch] = collector.spans
    assert batch.links == {ids(one) for one in received}


@pytest.mark.parametrize("received", [[UNSAMPLED], [UNSAMPLED, LAST], []], ids=["one", "several", "none"])
def test_what_nobody_records_is_not_recorded_here_either(
    collector: TraceCollector, monkeypatch: pytest.MonkeyPatch, received: list[str]
) -> None:
    with recording_here(collector, monkeypatch, OTEL_TRACES_SAMPLER="parentbased_always_off"):
        with spans.begin("process crm.deal", "consumer", {}, received) as span:
            assert current_traceparent() is not None  # logs are found by it all the same
            assert not is_sampled(current_traceparent())
            with spans.begin_call("SELECT deals", {}) as call:
                assert call is spans.NOT_RECORDED
        spans.add("send crm.deal", "producer", {}, received=UNSAMPLED, began_ns=1)
        assert span.exemplar is None
        assert spans.exemplar_of(UNSAMPLED) is None
    assert collector.spans == []


@pytest.mark.usefixtures("restored_logs")
def test_logs_name_trace_and_span(
    collector: TraceCollector, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(service="test", role="job")
    with recording_here(collector, monkeypatch), spans.begin("process crm.deal", "consumer", {}, [ONE]):
        structlog.get_logger("crm_test").warning("something")
    [span] = collector.spans
    [line] = [line for line in capsys.readouterr().out.splitlines() if "something" in line]
    assert f'"trace_id": "{span.trace_id}"' in line
    assert f'"span_id": "{span.span_id}"' in line


def test_a_collector_that_hangs_holds_up_nobody(collector: TraceCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_of_opentelemetry, "FLUSH_WITHIN_S", 0.05)
    collector.answers.clear()
    with recording_here(collector, monkeypatch, OTEL_BSP_MAX_QUEUE_SIZE="16", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="4"):
        for _ in range(100):
            with spans.begin("GET /v1/deals", "server", {}, ()):
                pass
    # It ended, and what is said below was still to come.
    assert collector.spans == []
    collector.answers.set()


def test_a_collector_that_is_away_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_of_opentelemetry, "FLUSH_WITHIN_S", 0.05)
    with recording_here(TraceCollector(port=9), monkeypatch, OTEL_EXPORTER_OTLP_TIMEOUT="0.2"):
        with spans.begin("GET /v1/deals", "server", {}, ()):
            assert is_sampled(current_traceparent())
        assert spans.is_recording()
    assert not spans.is_recording()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, None),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, None),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: zipkin is not known"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "grpc is not spoken here",
        ),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
            None,
        ),
    ],
    ids=["nothing", "off", "exporter", "protocol", "on"],
)
def test_what_could_not_be_done_is_said_at_the_start(environment: dict[str, str], words: str | None) -> None:
    wrong = tracing.find_wrong_setting(environment)
    assert (wrong is None) if words is None else (wrong is not None and words in wrong)


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_SDK_DISABLED": "true"},
    ],
    ids=["nothing", "none", "disabled"],
)
def test_it_is_off_where_that_is_said(
    collector: TraceCollector, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    with recording_here(collector, monkeypatch, **variables):
        assert not spans.is_recording()
