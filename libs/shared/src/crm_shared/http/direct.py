"""Direct routes: what takes no more than the context, ids from its path, a body and lookups goes straight to CrmRoute.

FastAPI matches, stacks and solves dependencies for every request: 0.4 ms of Python for a record that PostgreSQL gives
in 0.25 ms (docs/decisions/0004-direct-routes.md). For these endpoints there is nothing to solve. All others, and
whatever is not matched here, take FastAPI's way; both ways end in the same CrmRoute handler.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin
from uuid import UUID

from fastapi import FastAPI, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from crm_shared.http.bodies import has_fields, read_fields
from crm_shared.http.ids import is_id, parse_id
from crm_shared.http.methods import PathMethods, to_allow
from crm_shared.http.models import RequestBody
from crm_shared.http.problems import problem_response
from crm_shared.refusals import NotFound, Refusal

_PATH_ID = re.compile(r"\{(\w+)\}")
Endpoint = Callable[..., Awaitable[Response]]
Serve = Callable[[Request], Awaitable[Response]]
Lookup = Callable[[Request], Awaitable[Any]]
Validate = Callable[..., tuple[Any, Sequence[Any]]]


def bind_direct(route: APIRoute) -> Serve | None:
    """Return a function that calls the endpoint with what it takes of the request; None if that is to be solved.

    A path id that is no UUID is NotFound, as FastAPI's refusal of it becomes.
    """
    endpoint: Endpoint = route.endpoint
    if route.dependencies:  # such as `requires`: a guard that takes no part in the signature, and must not be passed by
        return None
    taken = _Taken.by(route)
    if taken is None:
        return None

    async def call(request: Request) -> Response:
        named: dict[str, Any] = {}
        for name in taken.ids:
            try:
                named[name] = parse_id(request.path_params[name])
            except ValueError:
                raise NotFound("There is no such record.") from None
        for name, lookup in taken.lookups:
            named[name] = await lookup(request)
        if taken.body is not None:
            name, validate = taken.body
            named[name] = _read_model(request, validate)
        return await endpoint(**named)

    return call


@dataclass(frozen=True, slots=True)
class _Taken:
    """The parameters of an endpoint by what they are filled from; `body` with what FastAPI holds it against."""

    ids: tuple[str, ...]
    lookups: tuple[tuple[str, Lookup], ...]
    body: tuple[str, Validate] | None

    @classmethod
    def by(cls, route: APIRoute) -> "_Taken | None":
        """Return None for an endpoint that takes anything else."""
        parameters = inspect.signature(route.endpoint, eval_str=True).parameters.values()
        in_path = set(_PATH_ID.findall(route.path))
        ids = tuple(p.name for p in parameters if p.annotation is UUID and p.name in in_path)
        lookups = tuple((p.name, found) for p in parameters if (found := _find_lookup(p.annotation)) is not None)
        bodies = [p.name for p in parameters if _is_body(p)]
        is_all = len(ids) == len(in_path) and len(ids) + len(lookups) + len(bodies) == len(parameters)
        if not is_all or len(bodies) > 1:
            return None
        field = route.body_field
        return cls(ids, lookups, (bodies[0], field.validate) if bodies and field is not None else None)


def _is_body(parameter: inspect.Parameter) -> bool:
    annotation = parameter.annotation
    return isinstance(annotation, type) and issubclass(annotation, RequestBody) and parameter.default is parameter.empty


def _find_lookup(annotation: Any) -> Lookup | None:
    """Return what a dependency is found by, if that takes the request alone and opens nothing."""
    if get_origin(annotation) is not Annotated:
        return None
    found = [each.dependency for each in get_args(annotation)[1:] if isinstance(each, params.Depends)]
    if len(found) != 1 or not inspect.iscoroutinefunction(found[0]):
        return None
    takes = [parameter.annotation for parameter in inspect.signature(found[0], eval_str=True).parameters.values()]
    return found[0] if takes == [Request] else None


def _read_model(request: Request, validate: Validate) -> Any:
    """Hold the body against its model by FastAPI's own field, so that refusals are the same on both ways."""
    if not has_fields(request):
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}])
    model, errors = validate(read_fields(request), {}, loc=("body",))
    if errors:
        raise RequestValidationError(errors)
    return model


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
        self._fixed: dict[tuple[str, str], Serve] = {}
        self._with_ids: dict[str, list[DirectRoute]] = {}

    def add(self, prefix: str, route: APIRoute) -> None:
        """Take `route` if it needs no solving."""
        methods = list(route.methods or ())
        if len(methods) != 1 or bind_direct(route) is None:
            return
        method = methods[0]
        path, serve = prefix + route.path, route.get_route_handler()
        if not _PATH_ID.search(path):
            self._fixed[method, path] = serve
            return
        # Only what looks like an id: `/contacts/export` must not pass for a contact.
        pattern = re.compile(_PATH_ID.sub(r"(?P<\1>[0-9a-fA-F-]{36})", path))
        self._with_ids.setdefault(method, []).append(DirectRoute(pattern, serve))

    def _find(self, scope: Scope) -> Serve | None:
        """Return what serves a request directly, its path's ids put into the scope."""
        method, path = scope["method"], scope["path"]
        fixed = self._fixed.get((method, path))
        if fixed is not None:
            scope["path_params"] = {}
            return fixed
        for route in self._with_ids.get(method, ()):
            found = route.pattern.fullmatch(path)
            if found is not None:
                scope["path_params"] = found.groupdict()
                return route.serve
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serve = self._find(scope) if scope["type"] == "http" else None
        if serve is not None:
            response = await serve(Request(scope, receive, send))
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
    """Return the application as a server should call it: past FastAPI's own `__call__`.

    That one asks the environment at every request whether it is traced, for a twentieth of a GET's time.
    """
    stack = app.middleware_stack or app.build_middleware_stack()

    async def enter(scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = app
        await stack(scope, receive, send)

    return enter
