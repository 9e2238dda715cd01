"""Whether a process records spans: the switch, by OpenTelemetry's own variables, and what of them it could not do."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from crm_shared.telemetry.spans import use

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN: Final = ("http/json", "http/protobuf")
"""The first is; a collector takes both at one port, and what is usually said for it must not stop a process."""


def find_wrong_setting(environment: Mapping[str, str] = os.environ) -> str | None:
    """Say what of OpenTelemetry's variables this process could not do, None when it can do all it is asked for."""
    exporter = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter not in ("otlp", "none"):
        return f"OTEL_TRACES_EXPORTER: {exporter} is not known; otlp or none"
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SPOKEN[0])
    if protocol not in SPOKEN and _is_asked_for(environment):
        return f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol} is not spoken here; {SPOKEN[0]} is, at a collector's port 4318"
    return None


def _is_asked_for(environment: Mapping[str, str]) -> bool:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER")
    return exporter == "otlp" or (not exporter and any(environment.get(name) for name in ENDPOINTS))


@contextmanager
def recording(service: str, role: str) -> Iterator[None]:
    """Record spans while in the block, where the environment asks for it; then send what is left, within a bound."""
    if not _is_asked_for(os.environ):
        yield
        return
    from crm_shared.telemetry.recording import open_recorder  # noqa: PLC0415 - 0.4 s and 18 MB that nobody else pays

    with open_recorder(service, role) as recorder:
        use(recorder)
        try:
            yield
        finally:
            use(None)
