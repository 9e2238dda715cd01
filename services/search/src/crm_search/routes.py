"""HTTP of search."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from crm_search import queries, walks
from crm_search.answers import to_item, to_suggestion
from crm_search.dependency import Store
from crm_search.filters import to_filters
from crm_search.matching import to_search_query, to_suggest_query
from crm_search.phones import parse_phone
from crm_search.schemas import NameType, RecordType, SearchPage, SearchQuery, Suggestions, SuggestQuery
from crm_search.settings import SearchSettings
from crm_search.waiting import parse_positions, wait_for
from crm_shared.http.context import Context
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/search", tags=["search"], route_class=CrmRoute)


@router.get(
    "",
    response_model=SearchPage,
    response_model_exclude_unset=True,
    summary="Search contacts, companies, deals and activities",
)
async def search(query: Annotated[SearchQuery, Query()], context: Context, store: Store) -> Response:
    walk, filters = walks.begin_or_resume(query, context.clock.now()), to_filters(query)
    caught_up = await _catch_up(query, context, store)
    async with context.database.read(context.caller.tenant_id) as connection:
        sight = await queries.load_sight(connection, context.caller)
        phone = parse_phone(query.q, await queries.load_region(connection, context.caller))
    found = await store.search(
        sight,
        to_search_query(query.q, phone=phone, sight=sight, now=walk.now),
        filters=filters,
        types=[one.value for one in query.type],
        after=walk.after,
        limit=query.limit + 1,
        with_counts=True,
    )
    page = found.hits[: query.limit]
    has_more = len(found.hits) > query.limit
    return context.reply_page(
        [to_item(hit, query=query.q, phone=phone, sight=sight) for hit in page],
        walks.to_cursor(query, walk.now, page[-1].position) if has_more else None,
        facets={"type": {one.value: found.counts.get(one.value, 0) for one in RecordType}},
        **caught_up,
    )


async def _catch_up(query: SearchQuery, context: Context, store: Store) -> dict[str, bool]:
    if not query.after:
        return {}
    settings = context.process.settings
    wait_s = settings.position_wait_s if isinstance(settings, SearchSettings) else 0
    positions = parse_positions(query.after)
    return {"caught_up": await wait_for(positions, context.caller, context.database, store, wait_s=wait_s)}


@router.get("/suggest", response_model=Suggestions, summary="Complete the name of a contact or company")
async def suggest(query: Annotated[SuggestQuery, Query()], context: Context, store: Store) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        sight = await queries.load_sight(connection, context.caller)
    wanted = [one.value for one in query.type or NameType]
    found = await store.search(
        sight,
        to_suggest_query(query.q, now=context.clock.now()),
        filters=[{"terms": {"type": wanted}}],
        limit=query.limit,
    )
    return context.reply_json({"items": [to_suggestion(hit, query=query.q, sight=sight) for hit in found.hits]})
