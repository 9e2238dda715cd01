"""Makes a service's HTTP application: routes, health, documents, and the process's parts in its lifespan."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.access.directory import Directory
from crm_shared.access.sign_in import AsksOwner, SignIn
from crm_shared.access.tokens import TokenVerifier
from crm_shared.clock import Clock, SystemClock
from crm_shared.database import Database
from crm_shared.http.context import ProcessContext
from crm_shared.http.direct import DirectRoutes
from crm_shared.http.openapi import describe
from crm_shared.http.problems import problem_response
from crm_shared.http.rate_limit import RateLimit
from crm_shared.http.route import CrmRoute, to_http_refusal
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.health import Check, health_routes

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
            if parts is None:
                yield
            else:
                async with parts(app, process) as more_checks:
                    checks.update(more_checks)
                    yield
        finally:
            await process.database.close()

    app = FastAPIOffline(
        title=f"CRM {settings.service}", version="1", description=description, lifespan=lifespan, redoc_url=None
    )
    for router in routers:
        app.include_router(router, prefix="/v1")
    app.router.routes.extend(health_routes(checks))
    app.add_exception_handler(HTTPException, _answer_unrouted)
    direct = DirectRoutes(app.build_middleware_stack())
    for router in routers:
        for route in router.routes:
            if isinstance(route, CrmRoute):
                direct.add("/v1", route)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]  # FastAPI's documented way
    app.middleware_stack = direct
    return app


async def _open_process(settings: ServiceSettings, owner: AsksOwner | None, clock: Clock) -> ProcessContext:
    database = await Database.open(
        settings.dsn.get_secret_value(),
        max_size=settings.database_pool_max_size,
        wait_s=settings.database_pool_wait_s,
        behind_pooler=settings.database_behind_pooler,
    )
    directory = Directory(database, cache_s=settings.directory_cache_s)
    verifier = TokenVerifier(
        jwks_url=str(settings.auth_jwks_url),
        issuer=settings.auth_issuer,
        audience=settings.auth_audience,
        leeway_s=settings.auth_leeway_s,
    )
    return ProcessContext(
        settings=settings,
        database=database,
        directory=directory,
        sign_in=SignIn(verifier, directory, owner=owner),
        rate_limit=RateLimit(requests=settings.rate_limit_requests, window_s=settings.rate_limit_window_s),
        clock=clock,
    )


async def _answer_unrouted(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return problem_response(to_http_refusal(error), instance=request.url.path, headers=error.headers)
