"""What GET answers may be sent back by PATCH: its read-only fields are taken where they hold what the record has now.

They are held against what GET of the same path answers the same caller, and the write is made to that version alone.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from fastapi.routing import APIRoute, iter_route_contexts
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from crm_shared.http.bodies import keep_fields, parse_json, read_fields
from crm_shared.http.context import RequestContext
from crm_shared.read_only_fields import list_read_only, require_unchanged
from crm_shared.refusals import StaleVersion, require_version

Handler = Callable[[Request], Awaitable[Response]]

METHOD: Final = "PATCH"
RETRIES: Final = 2


def list_read_only_of(route: APIRoute) -> frozenset[str]:
    """Name what the route's answer shows of a record and its body does not change."""
    taken = None if route.body_field is None else route.body_field.field_info.annotation
    return list_read_only(route.response_model, taken) if taken is not None else frozenset()


def list_readers(routes: Iterable[BaseRoute]) -> dict[str, APIRoute]:
    """Return, by path, what answers GET of each record that PATCH changes."""
    found = [(one.path, one.methods or (), one.original_route) for one in iter_route_contexts(list(routes))]
    patched = {path for path, methods, _ in found if METHOD in methods}
    return {
        route.path: route
        for path, methods, route in found
        if "GET" in methods and path in patched and isinstance(route, APIRoute)
    }


def taking_unchanged(route: APIRoute, endpoint: Handler) -> Handler:
    """Return what calls `endpoint` without the body's read-only fields, once these are seen to be unchanged.

    Raises InvalidField that names each that is not.
    """
    read_only = list_read_only_of(route)

    async def call(request: Request) -> Response:
        given = read_fields(request)
        held = {name: given[name] for name in given if name in read_only} if isinstance(given, dict) else {}
        reader: Handler | None = request.app.state.readers.get(route.path)
        if not held or reader is None:
            return await endpoint(request)
        context: RequestContext = request.state.context
        for guard in route.dependencies:  # who may never do it hears so first
            if guard.dependency is not None:
                await guard.dependency(context)
        keep_fields(request, {name: value for name, value in given.items() if name not in held})
        try:
            return await _write_unchanged(context, held, reader, endpoint)
        finally:
            keep_fields(request, given)

    return call


async def _write_unchanged(
    context: RequestContext, held: Mapping[str, Any], reader: Handler, endpoint: Handler
) -> Response:
    """Compare and write. Where another write comes between, both are done again, unless the caller named a version.

    Raises StaleVersion where the caller named another than the present one: that decides before any field.
    """
    named = context.named_versions
    retries = RETRIES if named is None else 0
    while True:
        present = parse_json(bytes((await reader(context.request)).body))
        require_version(present["version"], named)
        require_unchanged(held, present)
        context.compared_version = present["version"]
        try:
            return await endpoint(context.request)
        except StaleVersion:
            if not retries:
                raise
            retries -= 1
