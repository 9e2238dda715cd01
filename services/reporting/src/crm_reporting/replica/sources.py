"""From which database an answer is read, and from which it is read again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import asyncpg
import structlog
from fastapi import Depends
from prometheus_client import Counter
from starlette.requests import Request
from starlette.responses import Response

from crm_reporting.replica.standby import Standby
from crm_shared.database import Database
from crm_shared.database.outages import is_away, is_contended
from crm_shared.http.route import CrmRoute

logger = structlog.get_logger(__name__)

READ: Final = Counter("crm_reporting_reports_read", "Reports by the database that they were read from", ["source"])
READ_AGAIN: Final = Counter(
    "crm_reporting_reports_read_again",
    "Reports that were read again from the primary, by what the replica did: conflict (recovery cancelled the query), "
    "away, behind (what a migration made had not arrived)",
    ["reason"],
)

AGAIN_AT_ONCE: Final = 4
"""Reports that are read again at a time. All those that a dying replica had under way would fill the primary's pool."""

_BEHIND: Final = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InsufficientPrivilegeError,
)
Reason = Literal["conflict", "away", "behind"]
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class ReportSource:
    """The database that one answer is read from, all of it, and what `Crm-Source` calls it."""

    database: Database
    name: Literal["primary", "replica"]


class ReportSources:
    """Without a standby everything is read from the primary."""

    def __init__(self, primary: Database, standby: Standby | None) -> None:
        self._primary = ReportSource(primary, "primary")
        self._standby = standby
        self._reading_again = asyncio.Semaphore(AGAIN_AT_ONCE)

    def choose(self) -> ReportSource:
        """Return the database that is to be read now."""
        if self._standby is not None and self._standby.may_be_read:
            return ReportSource(self._standby.database, "replica")
        return self._primary

    async def measure_lag_s(self, source: ReportSource) -> float:
        """Return at most how old what is read from `source` is."""
        if self._standby is None or source.name == "primary":
            return 0.0
        return await self._standby.measure_lag_s()

    async def answer(self, request: Request, endpoint: Endpoint) -> Response:
        """Have it answered from one database; from the primary where the standby gave up in the middle.

        Not from the standby once more: what cancelled a long query there meets the next one as well.
        """
        source = request.state.report_source = self.choose()
        try:
            response = await endpoint(request)
        except Exception as error:
            reason = self._why_again(source, error)
            if reason is None:
                raise
            logger.info("report_read_again", reason=reason, error=repr(error))
        else:
            READ.labels(source.name).inc()
            return response
        READ_AGAIN.labels(reason).inc()
        async with self._reading_again:
            request.state.report_source = self._primary
            response = await endpoint(request)
        READ.labels(self._primary.name).inc()
        return response

    def _why_again(self, source: ReportSource, error: Exception) -> Reason | None:
        """Say why the primary may answer what the standby did not; None where it would fail there as well."""
        if self._standby is None or source.name == "primary":
            return None
        if is_contended(error):  # nobody writes there, so it is recovery that had to go on (SQLSTATE 40001, 40P01)
            return "conflict"
        if isinstance(error, _BEHIND):
            return "behind"
        if isinstance(error, TimeoutError | asyncpg.QueryCanceledError):
            # A report that takes too long takes as long there; that of a standby which hangs does not.
            return None if self._standby.may_be_read else "away"
        if is_away(error):
            self._standby.doubt()
            return "away"
        return None


class ReportRoute(CrmRoute):
    """The route class of what is read from a replica: use as `APIRouter(route_class=ReportRoute)`."""

    def bind_endpoint(self) -> Endpoint:
        endpoint = super().bind_endpoint()

        async def answer(request: Request) -> Response:
            sources: ReportSources = request.app.state.report_sources
            return await sources.answer(request, endpoint)

        return answer


async def _sources_of(request: Request) -> ReportSources:
    sources: ReportSources = request.app.state.report_sources
    return sources


async def _source_of(request: Request) -> ReportSource:
    source: ReportSource = request.state.report_source
    return source


Sources = Annotated[ReportSources, Depends(_sources_of)]
Source = Annotated[ReportSource, Depends(_source_of)]
"""For reports: a replica where one is close enough behind, so a moment older than the service's own database."""
