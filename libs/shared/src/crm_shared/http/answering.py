"""What stands round every endpoint: it is measured, its trace goes on, and its errors become problems."""

import time
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.database.outages import is_away, is_contended, is_overlong
from crm_shared.gc_freeze import WORK_IN_HAND
from crm_shared.http.problems import problem_response, refusal_of_validation
from crm_shared.http.rate_limit import RATE_HEADERS
from crm_shared.refusals import InvalidField, Refusal, Unavailable, untraced
from crm_shared.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS
from crm_shared.telemetry.spans import begin
from crm_shared.telemetry.traces import current_traceparent

logger = structlog.get_logger(__name__)
# Shown before there is any: of a counter whose first value is 1 no increase is seen.
OUR_FAULT: Final = (500, 503)
PREFIX: Final = "/v1"
"""What every route's path begins with, as it is asked for; the routes themselves, and metrics, leave it out."""
Handler = Callable[[Request], Awaitable[Response]]


class InternalError(Refusal):
    status, slug, title = 500, "internal-error", "Something went wrong on our side"


class TookTooLong(Unavailable):
    title = "The question took too long"


def answering(route: APIRoute, serve: Handler) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return what answers `route`'s requests, whatever `serve` raises. Metrics go by the path's template."""
    path, method = route.path, min(route.methods or {"GET"})
    seconds = HTTP_SECONDS.labels(path, method)
    count = cache(lambda status: HTTP_REQUESTS.labels(path, method, status))
    for status in OUR_FAULT:
        count(status)
    name, attributes = f"{method} {PREFIX}{path}", {"http.request.method": method, "http.route": PREFIX + path}

    async def handle(request: Request) -> Response:
        started = time.perf_counter()
        with begin(name, "server", attributes, received(request)) as span:
            try:
                with WORK_IN_HAND:
                    response = await serve(request)
            except Exception as error:  # noqa: BLE001 - each kind gets its answer; the unknown is logged with its trace
                refusal = to_refusal(error)
                response = problem_response(refusal, instance=request.url.path)
                if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.fail(refusal.slug)
            span.note("http.response.status_code", response.status_code)
            traceparent = current_traceparent() or ""
        response.raw_headers.append((b"traceparent", traceparent.encode()))
        response.raw_headers += request.scope.get(RATE_HEADERS, ())
        seconds.observe(time.perf_counter() - started, span.exemplar)
        count(response.status_code).inc()
        return response

    return handle


def received(request: Request) -> tuple[str, ...]:
    """Return the caller's place in its trace, nothing where it names none."""
    traceparent = request.headers.get("traceparent")
    return () if traceparent is None else (traceparent,)


def to_refusal(error: Exception) -> Refusal:
    """Say what an error means to the caller. What we did not foresee is logged whole and answered without detail."""
    if isinstance(error, Refusal):
        return untraced(error)
    if isinstance(error, RequestValidationError):
        return refusal_of_validation(error.errors())
    if is_away(error) or is_contended(error):
        return _refuse_for_now(error)
    if isinstance(error, asyncpg.DataError):  # a value that passed every model and still fits no column
        logger.warning("unstorable_value", error=type(error).__name__)
        return InvalidField("A value is out of the range that can be stored.")
    if isinstance(error, HTTPException):
        return to_http_refusal(error)
    logger.error("request_failed", exc_info=error)
    return InternalError("It was logged. Try again, or tell the operator the trace id in `traceparent`.")


def _refuse_for_now(error: Exception) -> Unavailable:
    if is_overlong(error):
        logger.warning("statement_took_too_long", error=type(error).__name__)
        return TookTooLong(
            "It was stopped, and nothing was changed. Ask for less: a shorter time, fewer owners, a smaller page."
        )
    logger.warning("database_away", error=type(error).__name__)
    return Unavailable("The database can't be reached right now. Nothing was lost; try again.")


class _Answered(Refusal):
    """Starlette's own refusals: no such path, wrong method."""


def to_http_refusal(error: HTTPException) -> Refusal:
    refusal = _Answered(str(error.detail))
    refusal.status = error.status_code  # type: ignore[misc]  # Starlette's, not the class's
    refusal.slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")  # type: ignore[misc]
    refusal.title = str(error.detail)  # type: ignore[misc]
    return refusal
