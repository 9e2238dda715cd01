"""Records spans with OpenTelemetry's SDK and sends them by OTLP. Loaded only where the environment asks for it.

Sampler, queue, headers, certificates and the rest are the SDK's own OTEL_… variables. Spans are sent by a thread: a
collector that is slow or away costs the spans that the queue has no room for, and nothing else.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from opentelemetry import context, trace
from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)

from crm_shared.telemetry.spans import NOT_RECORDED, Attributes, Exemplar, Kind, Span, exemplar_of
from crm_shared.telemetry.traces import (
    SAMPLED,
    continue_trace,
    enter_trace,
    leave_trace,
    read_traceparent,
)

FLUSH_WITHIN_S: Final = 3.0
"""At the end of a process. What a collector has not taken by then is lost: a stop must not wait for it."""
MAX_LINKS: Final = 500
"""A batch has no more records, and each may be of another trace."""

_KINDS: Final = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}


class _AsLinked(Sampler):
    """Records what is linked to recorded spans; leaves all else to the sampler that the environment names."""

    def __init__(self, otherwise: Sampler) -> None:
        self._otherwise = otherwise

    def should_sample(
        self,
        parent_context: context.Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        is_root = not trace.get_current_span(parent_context).get_span_context().is_valid
        if links and is_root:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._otherwise.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"AsLinked{{{self._otherwise.get_description()}}}"


class _OpenSpan(Span):
    """A span of the SDK's, current while in its block; one that is not sampled keeps its trace's id for logs."""

    __slots__ = ("_inner", "_is_call", "_outer", "_token", "_traceparent")

    def __init__(self, inner: trace.Span, *, is_call: bool) -> None:
        found = inner.get_span_context()
        self._inner = inner
        self._is_call = is_call
        self._traceparent = f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags & SAMPLED:02x}"
        self._token: Token[context.Context]
        self._outer: Token[str | None]

    def __enter__(self) -> Self:
        self._token = context.attach(trace.set_span_in_context(self._inner))
        self._outer = enter_trace(self._traceparent)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.fail(kind.__qualname__)
        self._inner.end()
        context.detach(self._token)
        if self._is_call:  # else what follows is still of this trace: an answer that is streamed, a batch's end
            leave_trace(self._outer)

    def note(self, name: str, value: str | int) -> None:
        self._inner.set_attribute(name, value)

    def fail(self, error_type: str) -> None:
        _fail(self._inner, error_type)

    @property
    def exemplar(self) -> Exemplar | None:
        return exemplar_of(self._traceparent)


class OpenTelemetryRecorder:
    """Makes the spans of this process; what each continues is told as W3C traceparents."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def begin(self, name: str, kind: Kind, attributes: Attributes, received: Sequence[str]) -> Span:
        contexts = [found for text in received if (found := _to_context(text)) is not None]
        sampled = [found for found in contexts if found.trace_flags.sampled]
        if len(contexts) > 1 and not sampled:
            return self._begin_unsampled()
        # Of a batch in which one record alone is traced, that record's trace goes on; several are linked to.
        parents = sampled or contexts
        parent = context.Context()
        if len(parents) == 1:
            parent = trace.set_span_in_context(NonRecordingSpan(parents[0]), parent)
        links = [Link(each) for each in sampled] if kind == "consumer" else []
        span = self._tracer.start_span(name, parent, _KINDS[kind], attributes, links)
        return _OpenSpan(span, is_call=False)

    def _begin_unsampled(self) -> Span:
        found = _to_context(continue_trace(None))
        return _OpenSpan(NonRecordingSpan(found or trace.INVALID_SPAN_CONTEXT), is_call=False)

    def begin_call(self, name: str, attributes: Attributes) -> Span:
        if not trace.get_current_span().is_recording():
            return NOT_RECORDED
        return _OpenSpan(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes), is_call=True)

    def add(
        self, name: str, kind: Kind, attributes: Attributes, *, received: str, began_ns: int, error_type: str | None
    ) -> None:
        found = _to_context(received)
        if found is None or not found.trace_flags.sampled:
            return
        parent = trace.set_span_in_context(NonRecordingSpan(found), context.Context())
        span = self._tracer.start_span(name, parent, _KINDS[kind], attributes, start_time=began_ns)
        if error_type is not None:
            _fail(span, error_type)
        span.end()


def _fail(span: trace.Span, error_type: str) -> None:
    """Mark it as failed, without the error's words: they may quote what somebody wrote."""
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR))


def _to_context(traceparent: str | None) -> SpanContext | None:
    found = read_traceparent(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = found
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & SAMPLED))


@contextmanager
def open_recorder(service: str, role: str) -> Iterator[OpenTelemetryRecorder]:
    """Record while in the block, and send what is left at its end, for FLUSH_WITHIN_S at most."""
    # A line for each batch that was not taken is enough; each retry would have one more.
    logging.getLogger("opentelemetry.exporter").setLevel(logging.ERROR)
    # The environment's word on the resource counts more than ours.
    resource = Resource.create({"service.namespace": "crm", "service.name": f"crm-{service}", "crm.role": role})
    provider = TracerProvider(
        resource=resource.merge(OTELResourceDetector().detect()),
        span_limits=SpanLimits(max_links=int(os.environ.get("OTEL_SPAN_LINK_COUNT_LIMIT") or MAX_LINKS)),
        shutdown_on_exit=False,
    )
    provider.sampler = _AsLinked(provider.sampler)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield OpenTelemetryRecorder(provider.get_tracer("crm"))
    finally:
        # A thread of our own: the SDK's end waits for a collector that is away as long as its queue lasts.
        flush = Thread(target=provider.shutdown, name="last-spans", daemon=True)
        flush.start()
        flush.join(FLUSH_WITHIN_S)
