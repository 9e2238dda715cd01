"""HTTP of the calendar itself, fetched without a token: the secret in its address lets its reader in."""

from http import HTTPStatus
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Path, Response
from starlette.requests import Request

from crm_activities.calendar import commands, queries
from crm_activities.calendar.calendar_file import CalendarFile
from crm_activities.calendar.domain import Feed, FeedNotFound
from crm_activities.calendar.feed_secrets import read_secret
from crm_activities.calendar.public_route import Process, PublicRoute
from crm_activities.settings import ActivitiesSettings
from crm_shared.http.client_networks import to_client_network
from crm_shared.http.context import ProcessContext
from crm_shared.http.own_headers import leave_to_answer
from crm_shared.http.preconditions import has_none_match
from crm_shared.http.problems import problems
from crm_shared.http.rate_limit import count_request

router = APIRouter(prefix="/calendar", tags=["calendar feeds"], route_class=PublicRoute)

MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
ETAG: Final = {"ETag": {"description": "changes when anything in the file does", "schema": {"type": "string"}}}
CALENDAR: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/calendar": {"schema": {"type": "string"}}}, "headers": ETAG},
    304: {"description": "Nothing has changed since the ETag in If-None-Match", "headers": ETAG},
}
Secret = Annotated[str, Path(min_length=1, description="as `secret` of a new feed has it")]


@router.get(
    "/{secret}.ics",
    response_class=Response,
    summary="Read a calendar feed as iCalendar",
    responses=CALENDAR | problems(FeedNotFound),
)
@router.head(
    "/{secret}.ics",
    response_class=Response,
    summary="Ask whether a calendar feed has changed",
    responses={**CALENDAR, 200: {"description": "The file is there", "headers": ETAG}} | problems(FeedNotFound),
)
async def read_calendar(secret: Secret, request: Request, process: Process) -> Response:
    feed = await _require_feed(secret, request, process)
    await commands.note_read(feed, process.database, process.clock)
    leave_to_answer(request.scope, b"cache-control")
    return await _reply(feed, request, process)


async def _require_feed(secret: str, request: Request, process: ProcessContext) -> Feed:
    """Find the feed that the secret opens. Raises FeedNotFound, whatever the reason; RateLimited."""
    network = "" if request.client is None else to_client_network(request.client.host)
    found, tries = read_secret(secret), process.rate_limits.secret_tries
    digest = b"" if found is None else found.digest
    tries.require_left(network, digest)
    feed: Feed | None = None
    if found is not None:
        async with process.database.read(found.tenant_id) as connection:
            feed = await queries.find_feed(connection, found.tenant_id, found.digest)
    if feed is None:
        tries.note_bad(network, digest)
        raise FeedNotFound
    tries.note_good(digest)
    count_request(request.scope, process.rate_limits, feed.id, feed.tenant_id)
    return feed


async def _reply(feed: Feed, request: Request, process: ProcessContext) -> Response:
    """Answer with the file; with its headers alone for HEAD, and with 304 where the reader has it."""
    settings, now = cast(ActivitiesSettings, process.settings), process.clock.now()
    file = CalendarFile(feed, settings.activity_page_url)
    known, is_head = request.headers.get("if-none-match"), request.method == "HEAD"
    if known is not None or is_head:
        async with process.database.read(feed.tenant_id) as connection:
            etag = file.make_etag(await queries.list_marks(connection, feed, now=now))
        if has_none_match(known, etag):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=_list_headers(etag))
        if is_head:
            response = Response(media_type=MEDIA_TYPE, headers=_list_headers(etag))
            del response.headers["content-length"]  # the file's, which is not written
            return response
    async with process.database.read(feed.tenant_id) as connection:
        entries = await queries.list_entries(connection, feed, now=now)
    headers = _list_headers(file.make_etag(entries)) | {"Content-Disposition": 'inline; filename="crm.ics"'}
    return Response(await file.write(entries), media_type=MEDIA_TYPE, headers=headers)


def _list_headers(etag: str) -> dict[str, str]:
    """Return what every answer of the calendar has: it may be kept by its reader, who asks each time."""
    return {"ETag": etag, "Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex"}
