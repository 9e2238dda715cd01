"""What only this service's API has: the database that reports read from, and the way to ask what waits on the bus."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from starlette.requests import Request

from crm_reporting.freshness.backlog import Backlog
from crm_reporting.settings import ReportingSettings
from crm_shared.database import Database
from crm_shared.http.context import ProcessContext, RequestContext
from crm_shared.replicas.owner_api import OwnerApi
from crm_shared.replicas.references import References
from crm_shared.telemetry.health import Check


class ReportingParts:
    """Kafka away makes the API no less ready: reports come from PostgreSQL alone."""

    def __init__(self, settings: ReportingSettings, owner_api: OwnerApi, groups: Mapping[str, Sequence[str]]) -> None:
        self._settings = settings
        self._owner_api = owner_api
        self._groups = groups

    @asynccontextmanager
    async def __call__(self, app: FastAPI, process: ProcessContext) -> AsyncIterator[Mapping[str, Check]]:
        settings = self._settings
        app.state.backlog = Backlog(
            settings.kafka,
            self._groups,
            cache_s=settings.freshness_cache_s,
            timeout_s=settings.freshness_timeout_s,
        )
        app.state.read_database = process.database
        app.state.references = References(process.database, self._owner_api)
        checks: dict[str, Check] = {}
        if settings.read_dsn is not None:
            app.state.read_database = await Database.open(
                settings.read_dsn.get_secret_value(),
                max_size=settings.database_pool_max_size,
                wait_s=settings.database_pool_wait_s,
                behind_pooler=settings.database_behind_pooler,
            )
            checks["read_database"] = app.state.read_database.ping
        try:
            yield checks
        finally:
            await app.state.backlog.close()
            if settings.read_dsn is not None:
                await app.state.read_database.close()
            await self._owner_api.close()


@dataclass(frozen=True, slots=True)
class ReportSource:
    """The database that one answer is read from, and what `Crm-Source` calls it."""

    database: Database
    name: Literal["primary", "replica"]


async def _source_of(request: Request) -> ReportSource:
    database: Database = request.app.state.read_database
    context: RequestContext = request.state.context
    return ReportSource(database, "primary" if database is context.database else "replica")


async def _backlog_of(request: Request) -> Backlog:
    backlog: Backlog = request.app.state.backlog
    return backlog


Source = Annotated[ReportSource, Depends(_source_of)]
"""For reports: a replica where one is configured, so a moment older than the service's own database."""

SourceBacklog = Annotated[Backlog, Depends(_backlog_of)]
"""For the way to ask what waits on the bus."""
