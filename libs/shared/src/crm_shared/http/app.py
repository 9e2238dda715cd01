"""Makes a service's HTTP application: routes, health, documents, and the process's parts in its lifespan."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from crm_shared.access.directory import Directory
from crm_shared.access.keys import IssuerKeys
from crm_shared.access.sign_in import AsksOwner, SignIn
from crm_shared.access.tokens import TokenVerifier
from crm_shared.clock import Clock, SystemClock
from crm_shared.database import Database
from crm_shared.http.answering import PREFIX, to_http_refusal
from crm_shared.http.batch_pace import BatchPace
from crm_shared.http.context import ProcessContext
from crm_shared.http.direct import DirectRoutes, refuse_method
from crm_shared.http.methods import PathMethods
from crm_shared.http.openapi import describe, serve_document
from crm_shared.http.problems import problem_response
from crm_shared.http.rate_limit import RateLimits
from crm_shared.http.route import CrmRoute
from crm_shared.http.unchanged import list_readers
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.health import Check, health_routes
from crm_shared.telemetry.loop_lag import watching_loop

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
ServiceParts = Callable[[FastAPI, ProcessContext], AbstractAsyncContextManager[Mapping[str, Check]]]
"""Opens what only this service has (an Elasticsearch client, a reference lookup), gives their health checks."""


def create_app(
    settings: ServiceSettings,
    routers: Sequence[APIRouter],
    *,
    description: str,
    owner: AsksOwner | None,
    parts: ServiceParts | None = None,
    clock: Clock | None = None,
) -> FastAPI:
    """Build the application. `owner` answers for callers whom the directory replica does not know yet."""
    checks: dict[str, Check] = {}

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        process = await _open_process(settings, owner, clock or SystemClock())
        app.state.process = process
        checks["database"] = process.database.ping
        try:
            async with watching_loop(), process.sign_in.kept_fresh():
                if parts is None:
                    yield
                else:
                    async with parts(app, process) as more_checks:
                        checks.update(more_checks)
                        yield
        finally:
            await process.database.close()

    app = _make_bare_app(settings, description, lifespan)
    for router in routers:
        app.include_router(router, prefix=PREFIX)
    app.state.leaving = asyncio.Event()
    health = health_routes(checks, app.state.leaving)
    if settings.operations_port is None:
        app.router.routes.extend(health)
    else:
        app.router.routes.extend(route for route in health if route.path == "/livez")
        app.state.operations = _make_operations_app(settings, app, health)
    app.state.readers = {
        path: route.bind_endpoint() for path, route in list_readers(app.routes).items() if isinstance(route, CrmRoute)
    }
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    serve_document(app, app)
    app.middleware_stack = _put_paths_first(app, routers)
    return app


async def _open_process(settings: ServiceSettings, owner: AsksOwner | None, clock: Clock) -> ProcessContext:
    database = await Database.open(
        settings.dsn.get_secret_value(),
        max_size=settings.database_pool_max_size,
        wait_s=settings.database_pool_wait_s,
        behind_pooler=settings.database_behind_pooler,
    )
    directory = Directory(database, cache_s=settings.directory_cache_s)
    keys = IssuerKeys(
        str(settings.auth_jwks_url), refresh_s=settings.auth_jwks_refresh_s, max_age_s=settings.auth_jwks_max_age_s
    )
    verifier = TokenVerifier(
        keys,
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
        leeway_s=settings.auth_leeway_s,
        max_ttl_s=settings.auth_max_token_ttl_s,
    )
    return ProcessContext(
        settings=settings,
        database=database,
        directory=directory,
        sign_in=SignIn(verifier, directory, owner=owner),
        rate_limits=RateLimits(settings),
        batch_pace=BatchPace(database, settings),
        clock=clock,
    )


def _make_bare_app(settings: ServiceSettings, description: str, lifespan: Lifespan) -> FastAPI:
    """Make the application without routes; with the document's pages where operators have no port of their own."""
    about: dict[str, Any] = {
        "title": f"CRM {settings.service}",
        "version": "1",
        "description": description,
        "lifespan": lifespan,
        "redoc_url": None,
        "redirect_slashes": False,  # the redirect would lead to whatever Host the request named
    }
    if settings.operations_port is None:
        return FastAPIOffline(**about)
    return FastAPI(**about, openapi_url=None)


def _put_paths_first(app: FastAPI, routers: Sequence[APIRouter]) -> DirectRoutes:
    """Stand what a path alone decides before the application: direct routes, OPTIONS, methods that it does not take."""
    methods = PathMethods(app.routes)
    app.add_exception_handler(HTTPException, _answer_unrouted_of(methods))
    direct = DirectRoutes(app.build_middleware_stack(), methods)
    for router in routers:
        for route in router.routes:
            if isinstance(route, CrmRoute):
                direct.add(PREFIX, route)
    return direct


def _make_operations_app(settings: ServiceSettings, app: FastAPI, health: Sequence[BaseRoute]) -> FastAPI:
    """Make what answers operators on their own port: probes, metrics, and the pages of `app`'s document."""
    operations = FastAPIOffline(title=f"CRM {settings.service}", redoc_url=None, redirect_slashes=False)
    serve_document(operations, app)
    operations.router.routes.extend(health)
    operations.add_exception_handler(HTTPException, _answer_unrouted_of(PathMethods(operations.routes)))
    return operations


def _answer_unrouted_of(methods: PathMethods) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        path = request.url.path
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return refuse_method(path, methods)
        return problem_response(to_http_refusal(error), instance=path, headers=error.headers)

    return answer
