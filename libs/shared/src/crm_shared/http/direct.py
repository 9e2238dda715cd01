"""Direct routes: a GET that takes nothing but the context and ids from its path goes from the server to CrmRoute.

FastAPI matches, stacks and solves dependencies for every request: 0.4 ms of Python for a record that PostgreSQL gives
in 0.25 ms (docs/decisions/0004-direct-routes.md). For these endpoints there is nothing to solve. All others, and
whatever is not matched here, take FastAPI's way; both ways end in the same CrmRoute handler.
"""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from crm_shared.http.context import Context
from crm_shared.http.ids import is_id, parse_id
from crm_shared.http.methods import PathMethods, to_allow
from crm_shared.http.problems import problem_response
from crm_shared.refusals import NotFound, Refusal

_PATH_ID = re.compile(r"\{(\w+)\}")
Endpoint = Callable[..., Awaitable[Response]]
Serve = Callable[[Request], Awaitable[Response]]


def bind_direct(route: APIRoute) -> Serve | None:
    """Give a function that calls the endpoint with the request's context and path ids; None if it needs anything else.

    A path id that is no UUID is NotFound, as FastAPI's refusal of it becomes.
    """
    endpoint: Endpoint = route.endpoint
    if route.dependencies:  # such as `requires`: a guard that takes no part in the signature, and must not be passed by
        return None
    parameters = inspect.signature(endpoint, eval_str=True).parameters.values()
    context_name = next((p.name for p in parameters if p.annotation == Context), None)
    ids = [p.name for p in parameters if p.annotation is UUID]
    if context_name is None or len(ids) + 1 != len(parameters):
        return None
    name = context_name

    async def call(request: Request) -> Response:
        named: dict[str, Any] = {name: request.state.context}
        for id_name in ids:
            try:
                named[id_name] = parse_id(request.path_params[id_name])
            except ValueError:
                raise NotFound("There is no such record.") from None
        return await endpoint(**named)

    return call


def with_path_ids(
    route: APIRoute, serve: Callable[[Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Have FastAPI's way of serving `route` read the ids in its path as the direct one does. Raises NotFound."""
    ids = [each.alias for each in route.dependant.path_params if each.field_info.annotation is UUID]

    async def call(request: Request) -> Response:
        if not all(is_id(request.path_params[name]) for name in ids):
            raise NotFound("There is no such record.")
        return await serve(request)

    return call


class MethodNotAllowed(Refusal):
    status, slug, title = 405, "method-not-allowed", "Method Not Allowed"


@dataclass(frozen=True, slots=True)
class DirectRoute:
    pattern: re.Pattern[str]
    serve: Serve


class DirectRoutes:
    """Stands before an application's middleware: direct routes first, everything else is FastAPI's."""

    def __init__(self, rest: ASGIApp, methods: PathMethods) -> None:
        self.rest = rest
        self._methods = methods
        self._routes: list[DirectRoute] = []

    def add(self, prefix: str, route: APIRoute) -> None:
        """Take `route` if it is a GET that needs no solving."""
        if route.methods == {"GET"} and bind_direct(route) is not None:
            # Only what looks like an id: `/contacts/export` must not pass for a contact.
            pattern = _PATH_ID.sub(r"(?P<\1>[0-9a-fA-F-]{36})", prefix + route.path)
            self._routes.append(DirectRoute(re.compile(pattern), route.get_route_handler()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET":
            path = scope["path"]
            for route in self._routes:
                found = route.pattern.fullmatch(path)
                if found is not None:
                    scope["path_params"] = found.groupdict()
                    response = await route.serve(Request(scope, receive, send))
                    await response(scope, receive, send)
                    return
        answer = self._answer_by_path(scope) if scope["type"] == "http" else None
        await (answer or self.rest)(scope, receive, send)

    def _answer_by_path(self, scope: Scope) -> Response | None:
        """Answer what the path and the method alone decide: OPTIONS, and a method that the path does not take."""
        path, method = scope["path"], scope["method"]
        if method == "OPTIONS":
            methods = self._methods.find(path)
            return None if methods is None else Response(status_code=204, headers={"Allow": to_allow(methods)})
        if self._methods.refuses(path, method):
            return refuse_method(path, self._methods)
        return None


def refuse_method(path: str, methods: PathMethods) -> Response:
    """Answer 405 with the methods that the path takes."""
    allow = {"Allow": to_allow(methods.find(path) or ())}
    return problem_response(MethodNotAllowed("This path does not take that method."), instance=path, headers=allow)


def entrance(app: FastAPI) -> ASGIApp:
    """Give the application as a server should call it: past FastAPI's own `__call__`.

    That one asks the environment at every request whether it is traced, for a twentieth of a GET's time.
    """
    stack = app.middleware_stack or app.build_middleware_stack()

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = app
        await stack(scope, receive, send)

    return enter
