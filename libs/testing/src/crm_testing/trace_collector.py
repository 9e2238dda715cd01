"""A collector of OpenTelemetry's: takes spans by OTLP over HTTP, as a real one does, and keeps them to be looked at."""

import gzip
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from crm_shared.telemetry.tracing import recording

PATH: Final = "/v1/traces"
KINDS: Final = ("unspecified", "internal", "server", "client", "producer", "consumer")
ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """A span as it came: `links` are ids of trace and span, `process` is its resource's service and role."""

    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    links: frozenset[tuple[str, str]]
    attributes: Mapping[str, str | int]
    has_failed: bool

    def is_of(self, trace_id: str) -> bool:
        """Return whether it is in the trace, or linked to a span of it."""
        return trace_id in {self.trace_id, *(linked for linked, _ in self.links)}


@dataclass
class TraceCollector:
    """`answers` is cleared to have it take what comes and say nothing, as one that hangs."""

    port: int = 0
    spans: list[CollectedSpan] = field(default_factory=list)
    answers: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """What a process is told so that its spans come here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def list_of(self, trace_id: str) -> list[CollectedSpan]:
        return [span for span in list(self.spans) if span.is_of(trace_id)]

    def take(self, body: bytes) -> None:
        """Keep what a request brings."""
        for of_resource in json.loads(body)["resourceSpans"]:
            resource = _read(of_resource["resource"])
            process = f"{resource['service.name']} {resource['crm.role']}"
            for of_scope in of_resource["scopeSpans"]:
                self.spans += [_to_span(process, span) for span in of_scope["spans"]]


def _read(owner: Mapping[str, Any]) -> dict[str, str | int]:
    """Return the attributes of a span or a resource. JSON writes an integer as text."""
    values = {each["key"]: each["value"] for each in owner.get("attributes", ())}
    return {name: int(one["intValue"]) if "intValue" in one else one["stringValue"] for name, one in values.items()}


def _to_span(process: str, span: Mapping[str, Any]) -> CollectedSpan:
    return CollectedSpan(
        process=process,
        name=span["name"],
        kind=KINDS[span["kind"]],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId", ""),
        links=frozenset((link["traceId"], link["spanId"]) for link in span.get("links", ())),
        attributes=_read(span),
        has_failed=span.get("status", {}).get("code") == ERROR,
    )


@contextmanager
def collecting() -> Iterator[TraceCollector]:
    """Listen while in the block, on a port of its own."""
    collector = TraceCollector()
    collector.answers.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.answers.wait()
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == PATH:
                collector.take(body)
            answer = b"{}"
            self.send_response(200 if self.path == PATH else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its signature
            """Say nothing: what came is looked at by the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def recording_here(collector: TraceCollector, monkeypatch: Any, **variables: str) -> Iterator[None]:
    """Record this process' spans while in the block; behind it the collector has them all."""
    with monkeypatch.context() as environment:
        for name, value in (collector.environment | variables).items():
            environment.setenv(name, value)
        with recording("test", "job"):
            yield
