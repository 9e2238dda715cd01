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
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from crm_shared.http.context import Context
from crm_shared.refusals import NotFound

_PATH_ID = re.compile(r"\{(\w+)\}")
_to_id = TypeAdapter(UUID).validate_python  # as FastAPI reads ids: UUID() also takes underscores and stray hyphens
Endpoint = Callable[..., Awaitable[Response]]


def bind_direct(route: APIRoute) -> Callable[[Request], Awaitable[Response]] | None:
    """Give a function that calls the endpoint with the request's context and path ids; None if it needs anything else.

    A path id that is no UUID is NotFound, as FastAPI's refusal of it becomes.
    """
    endpoint: Endpoint = route.endpoint
    if route.dependencies:  # such as admin_only: a guard that takes no part in the signature, and must not be passed by
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
                named[id_name] = _to_id(request.path_params[id_name])
            except ValueError:
                raise NotFound("There is no such record.") from None
        return await endpoint(**named)

    return call


@dataclass(frozen=True, slots=True)
class DirectRoute:
    pattern: re.Pattern[str]
    serve: Callable[[Request], Awaitable[Response]]


class DirectRoutes:
    """Stands before an application's middleware: direct routes first, everything else is FastAPI's."""

    def __init__(self, rest: ASGIApp) -> None:
        self.rest = rest
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
        await self.rest(scope, receive, send)


def entrance(app: FastAPI) -> ASGIApp:
    """Give the application as a server should call it: past FastAPI's own `__call__`.

    That one asks the environment at every request whether it is traced, for a twentieth of a GET's time.
    """
    stack = app.middleware_stack or app.build_middleware_stack()

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = app
        await stack(scope, receive, send)

    return enter
