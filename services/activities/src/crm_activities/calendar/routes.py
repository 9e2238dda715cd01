"""HTTP of calendar feeds: each user's own; who may write users sees and revokes others' too."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, cast
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.calendar import commands, queries
from crm_activities.calendar.commands import NewFeed, RevokeFeed
from crm_activities.calendar.domain import FeedNotFound, TooManyFeeds
from crm_activities.calendar.schemas import CreatedFeed, CreateFeedRequest, FeedAnswer, FeedList, FeedPage, WhoseFeed
from crm_activities.settings import ActivitiesSettings
from crm_shared.access import Caller, Permission
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import to_page
from crm_shared.http.idempotency import ShownOnce
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import Forbidden

router = APIRouter(prefix="/calendar-feeds", tags=["calendar feeds"], route_class=CrmRoute)

FEEDS: Final = Order("-created_at", SortField("f.created_at", datetime), is_descending=True, id_column="f.id")


@router.post(
    "",
    response_model=CreatedFeed,
    status_code=201,
    summary="Make a calendar feed of your meetings and tasks",
    responses=problems(TooManyFeeds),
)
async def create_feed(body: CreateFeedRequest, context: Context) -> Response:  # noqa: ARG001 - refuses fields
    feed = await commands.create_feed(context.caller, context.unit_of_work, context.clock)
    shown = CreatedFeed(id=feed.id, url=_to_url(feed, context), secret=feed.secret)
    kept = CreatedFeed(id=feed.id, url=None, secret=None)
    return ShownOnce(
        shown.model_dump_json().encode(),
        kept.model_dump_json().encode(),
        status_code=HTTPStatus.CREATED,
        headers={"Location": f"{context.request.url.path}/{feed.id}"},
    )


@router.get("", response_model=FeedPage, summary="List calendar feeds, newest first", responses=problems(Forbidden))
async def list_feeds(query: Annotated[FeedList, Query()], context: Context) -> Response:
    user_id, page = _whose(context.caller, query.user_id), to_page(query, FEEDS)
    async with context.database.read(context.caller.tenant_id) as connection:
        rows = await queries.select_calendar_feeds(context.caller.tenant_id, user_id, page).fetch(connection)
    return await context.reply_sorted(rows, page)


@router.get(
    "/{feed_id}",
    response_model=FeedAnswer,
    summary="Get one calendar feed, without its secret",
    responses=problems(FeedNotFound, Forbidden),
)
async def get_feed(feed_id: UUID, whose: Annotated[WhoseFeed, Query()], context: Context) -> Response:
    caller = context.caller
    async with context.database.read(caller.tenant_id) as connection:
        feed = await queries.load_feed(connection, caller.tenant_id, _whose(caller, whose.user_id), feed_id)
    return await context.reply_json(feed)


@router.delete(
    "/{feed_id}", status_code=204, summary="Revoke a calendar feed", responses=problems(FeedNotFound, Forbidden)
)
async def revoke_feed(feed_id: UUID, whose: Annotated[WhoseFeed, Query()], context: Context) -> Response:
    command = RevokeFeed(context.caller, feed_id, _whose(context.caller, whose.user_id))
    await commands.revoke_feed(command, context.unit_of_work)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _whose(caller: Caller, user_id: UUID | None) -> UUID:
    """Return whose feeds are meant. Raises Forbidden for another's, unless the caller may write users."""
    if user_id is None or user_id == caller.user_id:
        return caller.user_id
    caller.require(Permission.WRITE_USERS, "see and revoke others' calendar feeds")
    return user_id


def _to_url(feed: NewFeed, context: RequestContext) -> str:
    """Return the feed's address: under the one that is set, else under that which the request was sent to."""
    settings = cast(ActivitiesSettings, context.process.settings)
    base = str(settings.public_url or context.request.base_url).rstrip("/")
    return f"{base}/v1/calendar/{feed.secret}.ics"
