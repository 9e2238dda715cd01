"""Structured logs: one JSON object a line on stdout, with the trace and the process that wrote it."""

import logging
import sys
from typing import Any

import structlog

from crm_shared.telemetry.traces import current_traceparent

SECRET_FIELDS = frozenset({"authorization", "password", "secret", "token", "dsn"})


def _add_trace(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    traceparent = current_traceparent()
    if traceparent is not None:
        _, event["trace_id"], event["span_id"], _ = traceparent.split("-")
    return event


def _hide_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    for name in SECRET_FIELDS & event.keys():
        event[name] = "***"
    return event


def configure_logs(*, service: str, role: str, level: str = "INFO") -> None:
    """Set up structlog and the standard library's logging for this process. `role`: api, worker, relay or job."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_trace,
        _hide_secrets,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    # In place, where it is done again: a logger that has written keeps the list that it began with.
    processors: list[Any] = structlog.get_config()["processors"] if structlog.is_configured() else []
    processors[:] = [*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]
    structlog.configure(
        processors=processors,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _label(service, role),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("aiokafka", "httpx", "httpcore", "elastic_transport", "uvicorn.access", "alembic"):
        logging.getLogger(noisy).setLevel("WARNING")


def _label(service: str, role: str) -> Any:
    def add(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        return {"service": service, "role": role, **event}

    return add
