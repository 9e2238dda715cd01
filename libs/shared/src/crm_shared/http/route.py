"""The one route class: identity, strictness, idempotency and problem+json round every endpoint, in one place.

The order matters: who calls, then how often, then what is asked. FastAPI validates bodies before dependencies could
refuse a stranger, so identity is settled before it is called at all.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

import asyncpg
import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.access.caller import Caller
from crm_shared.database.outages import is_away, is_contended
from crm_shared.http.bodies import is_storable, read_json_body
from crm_shared.http.context import ProcessContext, RequestContext
from crm_shared.http.direct import bind_direct
from crm_shared.http.idempotency import AnsweredMeanwhile, IdempotencyKey
from crm_shared.http.problems import problem_response, refusal_of_validation
from crm_shared.http.rate_limit import RateLimit
from crm_shared.refusals import FieldProblem, InvalidField, RateLimited, Refusal, Unavailable
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS
from crm_shared.telemetry.traces import continue_trace

logger = structlog.get_logger(__name__)
Handler = Callable[[Request], Awaitable[Response]]
_RATE_HEADERS = "crm.rate_headers"
CONTENDED_RETRIES = 3
CONTENDED_PAUSE_S = 0.05


class InternalError(Refusal):
    status, slug, title = 500, "internal-error", "Something went wrong on our side"


class CrmRoute(APIRoute):
    """Use as `APIRouter(route_class=CrmRoute)`; `create_app` does."""

    @staticmethod
    def body_limit(settings: ServiceSettings) -> int:
        """Give the most bytes that a body here may have."""
        return settings.max_body_bytes

    @classmethod
    async def read_body(cls, context: RequestContext) -> bytes:
        """Take a write's body in before the endpoint is called; give what an Idempotency-Key compares of it."""
        return await read_json_body(context.request, limit_bytes=cls.body_limit(context.process.settings))

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = bind_direct(self) or super().get_route_handler()
        known, read_body = _query_names(self), self.read_body
        path, method = self.path, min(self.methods or {"GET"})
        seconds = HTTP_SECONDS.labels(path, method)
        count = cache(lambda status: HTTP_REQUESTS.labels(path, method, status))

        async def handle(request: Request) -> Response:
            started = time.perf_counter()
            traceparent = continue_trace(request.headers.get("traceparent"))
            try:
                response = await _serve(request, endpoint, known, read_body)
            except Exception as error:  # noqa: BLE001 - each kind gets its answer; the unknown is logged with its trace
                response = problem_response(to_refusal(error), instance=request.url.path)
            response.raw_headers.append((b"traceparent", traceparent.encode()))
            response.raw_headers += request.scope.get(_RATE_HEADERS, ())
            seconds.observe(time.perf_counter() - started)
            count(response.status_code).inc()
            return response

        return handle


def _is_repeatable(annotation: object) -> bool:
    return get_origin(annotation) in {list, set, tuple} or any(
        get_origin(part) in {list, set, tuple} for part in get_args(annotation)
    )


@dataclass(frozen=True, slots=True)
class QueryNames:
    """The parameters that a route takes, and whether each may come more than once.

    Names under `open_prefix` are the tenant's own; the route itself tells which of them there are.
    """

    repeatable: Mapping[str, bool]
    open_prefix: str | None

    def takes(self, name: str) -> bool:
        return name in self.repeatable or (self.open_prefix is not None and name.startswith(self.open_prefix))


def _query_names(route: APIRoute) -> QueryNames:
    names: dict[str, bool] = {}
    open_prefix: str | None = None
    for parameter in route.dependant.query_params:
        model = parameter.field_info.annotation
        fields: Mapping[str, FieldInfo] | None = getattr(model, "model_fields", None)
        if fields is None:
            names[parameter.alias] = _is_repeatable(model)
        else:
            names |= {f.alias or name: _is_repeatable(f.annotation) for name, f in fields.items()}
            open_prefix = getattr(model, "open_prefix", None)
    return QueryNames(names, open_prefix)


async def _serve(
    request: Request, endpoint: Handler, known: QueryNames, read_body: Callable[[RequestContext], Awaitable[bytes]]
) -> Response:
    process: ProcessContext = request.app.state.process
    caller = await process.sign_in.identify(request.headers.get("authorization"))
    _count(request, process.rate_limit, caller)
    if request.scope["query_string"]:
        _require_known(request, known)
    context = RequestContext(process, caller, request)
    request.state.context = context
    if request.method in {"GET", "HEAD"}:
        return await endpoint(request)
    body = await read_body(context)
    return await _serve_write(context, body, lambda: _serve_contended(endpoint, request))


async def _serve_contended(endpoint: Handler, request: Request) -> Response:
    """Call the endpoint, again when PostgreSQL chose it to give way: nothing of it was written, so nothing is twice."""
    for attempt in range(CONTENDED_RETRIES):
        try:
            return await endpoint(request)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if not is_contended(error):
                raise
            # Not all at once: those that gave way together would meet again.
            await asyncio.sleep(random.uniform(0, CONTENDED_PAUSE_S * (attempt + 1)))  # noqa: S311 - no secret
    return await endpoint(request)


def _count(request: Request, rate_limit: RateLimit, caller: Caller) -> None:
    """Count the request. Its answer tells what is left, whatever else it says: refusals count too."""
    left, reset_s = 0, 0
    try:
        left, reset_s = rate_limit.count(caller.user_id)
    except RateLimited as refusal:
        reset_s = refusal.retry_after_s or 0
        raise
    finally:
        request.scope[_RATE_HEADERS] = [
            (b"ratelimit-limit", b"%d" % rate_limit.requests),
            (b"ratelimit-remaining", b"%d" % left),
            (b"ratelimit-reset", b"%d" % reset_s),
        ]


async def _serve_write(context: RequestContext, body: bytes, endpoint: Callable[[], Awaitable[Response]]) -> Response:
    request, process = context.request, context.process
    key = request.headers.get("idempotency-key")
    if key is None or request.method != "POST":
        return await endpoint()
    claim = IdempotencyKey.claim(
        context.caller,
        method=request.method,
        path=request.scope["path"],
        key=key,
        body=request.scope["query_string"] + b"\n" + body,
        keep_h=process.settings.idempotency_keep_h,
    )
    answer = await claim.find_answer(process.database)
    if answer is not None:
        return answer
    context.idempotency = claim
    try:
        response = await endpoint()
        await claim.conclude(response)
    except AnsweredMeanwhile:
        answer = await claim.find_answer(process.database)
        if answer is None:
            raise Unavailable("The first request's answer can't be read right now.") from None
        return answer
    except BaseException:
        await claim.abandon()
        raise
    return response


def _require_known(request: Request, known: QueryNames) -> None:
    given = request.query_params.multi_items()
    counts = Counter(name for name, _ in given)
    wrong = [FieldProblem(f"?{name}", "is not a known parameter") for name in counts if not known.takes(name)]
    wrong += [
        FieldProblem(f"?{name}", "is given more than once")  # to take the last would ignore the others
        for name, count in counts.items()
        if count > 1 and known.takes(name) and not known.repeatable.get(name, False)
    ]
    wrong += [
        FieldProblem(f"?{name}", "holds a character that can't be stored")
        for name, value in given
        if not is_storable(value)
    ]
    if wrong:
        raise InvalidField("; ".join(f"{field.pointer} {field.detail}" for field in wrong), errors=wrong)


def to_refusal(error: Exception) -> Refusal:
    """Say what an error means to the caller. What we did not foresee is logged whole and answered without detail."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RequestValidationError):
        return refusal_of_validation(error.errors())
    if is_away(error) or is_contended(error):
        logger.warning("database_away", error=type(error).__name__)
        return Unavailable("The database can't be reached right now. Nothing was lost; try again.")
    if isinstance(error, asyncpg.DataError):  # a value that passed every model and still fits no column
        logger.warning("unstorable_value", error=type(error).__name__)
        return InvalidField("A value is out of the range that can be stored.")
    if isinstance(error, HTTPException):
        return to_http_refusal(error)
    logger.error("request_failed", exc_info=error)
    return InternalError("It was logged. Try again, or tell the operator the trace id in `traceparent`.")


class _Answered(Refusal):
    """Starlette's own refusals: no such path, wrong method."""


def to_http_refusal(error: HTTPException) -> Refusal:
    refusal = _Answered(str(error.detail))
    refusal.status = error.status_code  # type: ignore[misc]  # Starlette's, not the class's
    refusal.slug = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")  # type: ignore[misc]
    refusal.title = str(error.detail)  # type: ignore[misc]
    return refusal
