"""The one route class: identity, strictness, idempotency, positions, problem+json round every endpoint, in one place.

The order matters: who calls, then how often, then whether they may write at all, then what is asked. FastAPI validates
bodies before dependencies could refuse a stranger, so identity is settled before it is called at all.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar

import asyncpg
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.access.caller import Caller
from crm_shared.database.outages import is_contended
from crm_shared.http import positions, unchanged
from crm_shared.http.address_text import require_utf8, to_one_text
from crm_shared.http.answering import Handler, answering
from crm_shared.http.bodies import forget_body, read_fields, read_json_body
from crm_shared.http.client_networks import to_client_network
from crm_shared.http.context import ProcessContext, RequestContext
from crm_shared.http.direct import bind_direct, with_path_ids
from crm_shared.http.idempotency import AnsweredMeanwhile, IdempotencyKey
from crm_shared.http.methods import READS
from crm_shared.http.query_names import QueryNames, list_query_names, require_known
from crm_shared.http.rate_limit import count_request
from crm_shared.permissions import Permission
from crm_shared.refusals import (
    FieldProblem,
    InvalidField,
    MalformedRequest,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from crm_shared.settings import ServiceSettings

_SINGLE = frozenset({b"authorization", b"content-type", b"host", b"idempotency-key", b"if-match"})
CONTENDED_RETRIES = 3
CONTENDED_PAUSE_S = 0.05


class CrmRoute(APIRoute):
    """Use as `APIRouter(route_class=CrmRoute)`; `create_app` does."""

    items_field: ClassVar[str | None] = None
    """The body's field whose values are each answered by themselves, as in a batch."""

    @staticmethod
    def body_limit(settings: ServiceSettings) -> int:
        """Return the most bytes that a body here may have."""
        return settings.max_body_bytes

    @classmethod
    async def read_body(cls, context: RequestContext) -> bytes:
        """Take a write's body in before the endpoint is called; give what an Idempotency-Key compares of it."""
        limit_bytes = cls.body_limit(context.process.settings)
        return await read_json_body(context.request, limit_bytes=limit_bytes, items=cls.items_field)

    async def _read_declared_body(self, context: RequestContext) -> bytes:
        """Take the body in. Raises InvalidField for fields where the endpoint takes none: they'd be ignored."""
        body = await self.read_body(context)
        if self.body_field is None and read_fields(context.request):
            raise InvalidField("This call takes no body.", errors=[FieldProblem("", "is not taken by this call")])
        return body

    def bind_endpoint(self) -> Handler:
        """Return what calls the endpoint, once it is settled who calls and whether they may."""
        return bind_direct(self) or with_path_ids(self, super().get_route_handler())

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint = self.bind_endpoint()
        if unchanged.METHOD in (self.methods or ()):
            endpoint = unchanged.taking_unchanged(self, endpoint)
        known, read_body = list_query_names(self), self._read_declared_body
        return answering(self, lambda request: _serve(request, endpoint, known, read_body))


async def _serve(
    request: Request, endpoint: Handler, known: QueryNames, read_body: Callable[[RequestContext], Awaitable[bytes]]
) -> Response:
    process: ProcessContext = request.app.state.process
    require_single(request)
    caller = await _identify(request, process)
    count_request(request.scope, process.rate_limits, caller.user_id, caller.tenant_id)
    if request.method not in READS:
        caller.require(Permission.WRITE)
    require_utf8(request)
    request = to_one_text(request)
    if request.scope["query_string"]:
        require_known(request, known)
    context = RequestContext(process, caller, request)
    request.state.context = context
    if request.method in READS:
        return await endpoint(request)
    try:
        body = await read_body(context)
        return await _serve_write(context, body, lambda: _serve_positioned(endpoint, context))
    finally:
        forget_body(request)


async def _serve_positioned(endpoint: Handler, context: RequestContext) -> Response:
    """Call the endpoint of a write. Where its answer has no Crm-Position, nothing was written that search keeps."""
    response = await _serve_contended(endpoint, context.request)
    response.headers.setdefault(positions.HEADER, positions.name_nothing(context.caller.tenant_id))
    return response


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


def require_single(request: Request) -> None:
    """Refuse a request that says who it is, or what it brings, more than once: each reader would believe another."""
    given = [name for name, _ in request.scope["headers"] if name in _SINGLE]
    if len(given) != len(set(given)):
        wrong = sorted({name.decode() for name in given if given.count(name) > 1})
        raise MalformedRequest(f"A header is given more than once: {', '.join(wrong)}.")


async def _identify(request: Request, process: ProcessContext) -> Caller:
    """Find the caller. Who tries token after token hears 429, and costs no more verifying; good tokens still pass."""
    authorization = request.headers.get("authorization")
    bad_tokens = process.rate_limits.bad_tokens
    if authorization is not None and not process.sign_in.remembers(authorization):
        bad_tokens.require_left(_network_of(request))
    try:
        return await process.sign_in.identify(authorization)
    except Unauthenticated:
        if authorization is not None:
            with contextlib.suppress(RateLimited):
                bad_tokens.count(_network_of(request))
        raise


def _network_of(request: Request) -> str:
    return "" if request.client is None else to_client_network(request.client.host)


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
