"""Spans: what a process did, how long it took, and in which trace. Recorded only where somebody asks for it.

Off, which is the default, a span is `NOT_RECORDED` and nothing of OpenTelemetry is loaded; `tracing.py` switches it on.
Attributes follow OpenTelemetry's semantic conventions (docs/operations/traces.md); none holds text of a user, an
address as it was asked for, or a secret.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Literal, Protocol, Self

from crm_shared.telemetry.traces import continue_trace, current_traceparent, is_sampled

Kind = Literal["server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int]
Exemplar = dict[str, str]


class Span:
    """A piece of work, as a context manager; this one is not recorded. What its block raises fails it."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def note(self, name: str, value: str | int) -> None:
        """Keep an attribute that is only known now."""

    def fail(self, error_type: str) -> None:
        """Mark the work as failed. `error_type` is of few values: a class, a status, a refusal's slug."""

    @property
    def exemplar(self) -> Exemplar | None:
        """What a histogram keeps beside an observation, so that one finds the trace; None where nothing is recorded."""
        return None


NOT_RECORDED: Final = Span()


class Recorder(Protocol):
    """Makes spans that are recorded; `recording.py` has the one there is."""

    def begin(self, name: str, kind: Kind, attributes: Attributes, received: Sequence[str]) -> Span:
        """Begin a span that goes on with what was received: as its child where that is one, else linked to each."""

    def begin_call(self, name: str, attributes: Attributes) -> Span:
        """Begin a span of the current one, of a call to another process."""

    def add(
        self, name: str, kind: Kind, attributes: Attributes, *, received: str, began_ns: int, error_type: str | None
    ) -> None:
        """Add a span that ends now, as a child of `received`."""


_recorder: Recorder | None = None


def is_recording() -> bool:
    """Return whether this process records spans; which of them, the sampler decides."""
    return _recorder is not None


def begin(name: str, kind: Kind, attributes: Attributes, received: Sequence[str]) -> Span:
    """Enter the trace of what was received; of several, a trace of its own that is linked to theirs."""
    if _recorder is not None:
        return _recorder.begin(name, kind, attributes, received)
    continue_trace(received[0] if len(received) == 1 else None)
    return NOT_RECORDED


def begin_call(name: str, attributes: Attributes) -> Span:
    """Begin a call to another process, within the span that runs now."""
    return NOT_RECORDED if _recorder is None else _recorder.begin_call(name, attributes)


def add(
    name: str, kind: Kind, attributes: Attributes, *, received: str, began_ns: int, error_type: str | None = None
) -> None:
    """Add a span that ends now, of work that was done for many traces at once."""
    if _recorder is not None:
        _recorder.add(name, kind, attributes, received=received, began_ns=began_ns, error_type=error_type)


def exemplar_of(traceparent: str | None) -> Exemplar | None:
    """Return what a histogram keeps of the trace in which `traceparent` stands; None unless that is recorded."""
    if _recorder is None or traceparent is None or not is_sampled(traceparent):
        return None
    return {"trace_id": traceparent[3:35], "span_id": traceparent[36:52]}


def current_exemplar() -> Exemplar | None:
    return exemplar_of(current_traceparent())


def use(recorder: Recorder | None) -> None:
    """Have `recorder` make this process' spans, or nobody."""
    global _recorder  # noqa: PLW0603 - one for the process, like its logs and its metrics
    _recorder = recorder
