"""What only this service's API has: the databases that reports read from, and the way to ask what waits on the bus."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from crm_reporting.freshness.backlog import Backlog
from crm_reporting.replica.sources import ReportSources
from crm_reporting.replica.standby import Standby
from crm_reporting.settings import ReportingSettings
from crm_shared.background import background, repeat
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.features.replicas.references import References
from crm_shared.http.context import ProcessContext
from crm_shared.telemetry.health import Check


class ReportingParts:
    """Kafka or the replica away makes the API no less ready: reports come from the primary then."""

    def __init__(self, settings: ReportingSettings, owner_api: OwnerApi, groups: Mapping[str, Sequence[str]]) -> None:
        self._settings = settings
        self._owner_api = owner_api
        self._groups = groups

    @asynccontextmanager
    async def __call__(self, app: FastAPI, process: ProcessContext) -> AsyncIterator[Mapping[str, Check]]:
        settings = self._settings
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._owner_api.close)
            app.state.references = References(process.database, self._owner_api)
            app.state.backlog = Backlog(
                settings.kafka,
                self._groups,
                cache_s=settings.freshness_cache_s,
                timeout_s=settings.freshness_timeout_s,
            )
            stack.push_async_callback(app.state.backlog.close)
            standby = None
            if settings.read_dsn is not None:
                standby = await Standby.open(settings, settings.read_dsn.get_secret_value())
                stack.push_async_callback(standby.close)
                await stack.enter_async_context(
                    background(repeat("replica lag", standby.look, pause_s=standby.pause_s))
                )
            app.state.report_sources = ReportSources(process.database, standby)
            yield {}
