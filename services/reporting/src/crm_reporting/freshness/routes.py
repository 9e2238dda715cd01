"""HTTP of freshness."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from crm_reporting.freshness import queries
from crm_reporting.parts import Source, SourceBacklog
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute

router = APIRouter(tags=["freshness"], route_class=CrmRoute)

Seconds = Annotated[float, Field(description="how long the oldest event that waits has waited; 0 when none waits")]


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
async def read_freshness(context: Context, source: Source, backlog: SourceBacklog) -> Response:
    oldest = await backlog.find_oldest()
    async with source.database.read(context.caller.tenant_id) as connection:
        last_events = await queries.find_last_events(connection, context.caller)
    now = context.clock.now()
    items = [
        {
            "topic": topic,
            "seconds_behind": 0.0 if since is None else round(max((now - since).total_seconds(), 0.001), 3),
            "last_event_at": last_events.get(topic),
        }
        for topic, since in oldest.items()
    ]
    return context.reply_json({"items": items})
