"""HTTP of freshness."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from crm_reporting.freshness import queries
from crm_reporting.freshness.backlog import Backlog
from crm_reporting.replica.sources import ReportRoute, Source, Sources
from crm_reporting.reports.answers import SOURCE_HEADER
from crm_shared.http.context import Context
from crm_shared.http.problems import problems

router = APIRouter(tags=["freshness"], route_class=ReportRoute)

Seconds = Annotated[float, Field(description="how long the oldest event that waits has waited; 0 when none waits")]


async def _backlog_of(request: Request) -> Backlog:
    backlog: Backlog = request.app.state.backlog
    return backlog


SourceBacklog = Annotated[Backlog, Depends(_backlog_of)]
"""The way to ask what waits on the bus; `ReportingParts` opens it."""


class SourceFreshness(BaseModel):
    topic: str
    seconds_behind: Seconds
    last_event_at: Annotated[datetime | None, Field(description="when the newest of your events here happened")]


class Freshness(BaseModel):
    items: list[SourceFreshness]


@router.get(
    "/freshness",
    response_model=Freshness,
    summary="Tell how far reports are behind their sources",
    responses=problems(),
)
async def read_freshness(context: Context, sources: Sources, source: Source, backlog: SourceBacklog) -> Response:
    oldest = await backlog.find_oldest()
    # After what waits on the bus: what was taken from it by then counts here once the database read shows it.
    lag_s = await sources.measure_lag_s(source)
    async with source.database.read(context.caller.tenant_id) as connection:
        last_events = await queries.find_last_events(connection, context.caller)
    now = context.clock.now()
    items = [
        {
            "topic": topic,
            "seconds_behind": round(max(lag_s, _waiting_s(since, now)), 3),
            "last_event_at": last_events.get(topic),
        }
        for topic, since in oldest.items()
    ]
    response = await context.reply_json({"items": items})
    response.headers[SOURCE_HEADER] = source.name
    return response


def _waiting_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.001)
