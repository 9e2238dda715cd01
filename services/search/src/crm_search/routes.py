"""HTTP of search."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Response

from crm_search import queries, walks
from crm_search.answers import to_item, to_suggestion
from crm_search.dependency import Store
from crm_search.filters import to_filters
from crm_search.freshness import IndexFreshness, read_freshness
from crm_search.matching import to_search_query, to_suggest_query
from crm_search.near_words import list_reaches
from crm_search.phones import parse_phone
from crm_search.query_words import read_query
from crm_search.read_your_writes import parse_positions, wait_for
from crm_search.schemas import NameType, RecordType, SearchPage, SearchQuery, Suggestions, SuggestQuery
from crm_search.settings import SearchSettings
from crm_search.snippets import SnippetCutter
from crm_search.store import Hit, Visibility
from crm_shared.contracts.states import DealStatus
from crm_shared.http.context import Context
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute

router = APIRouter(prefix="/search", tags=["search"], route_class=CrmRoute)


@router.get(
    "",
    response_model=SearchPage,
    response_model_exclude_unset=True,
    summary="Search contacts, companies, deals and activities",
    responses=problems(),
)
async def search(query: Annotated[SearchQuery, Query()], context: Context, store: Store) -> Response:
    walk, filters = walks.begin_or_resume(query, context.clock.now()), to_filters(query)
    caught_up = await _catch_up(query, context, store)
    async with context.database.read(context.caller.tenant_id) as connection:
        visibility = await queries.load_visibility(connection, context.caller)
        phone = parse_phone(query.q, await queries.load_region(connection, context.caller))
    near = await store.find_near_words(context.caller.tenant_id, list_reaches(read_query(query.q)))
    found = await store.search(
        visibility,
        to_search_query(query.q, phone=phone, visibility=visibility, now=walk.now, near=near),
        filters=filters,
        types=[one.value for one in query.type],
        after=walk.after,
        limit=query.limit + 1,
        with_counts=walk.after is None,
    )
    page = found.hits[: query.limit]
    has_more = len(found.hits) > query.limit
    # In a thread: marking the words of long texts takes its time, and others wait for the loop.
    items = await asyncio.to_thread(_to_items, page, SnippetCutter(query.q, phone), visibility)
    return await context.reply_page(
        items,
        walks.to_cursor(query, walk.now, page[-1].position) if has_more else None,
        **({"facets": _to_facets(found.counts)} if walk.after is None else {}),
        **caught_up,
    )


def _to_facets(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Mapping[str, int]]:
    kinds = {"type": [one.value for one in RecordType], "status": get_args(DealStatus)}
    known = {name: {value: counts[name].get(value, 0) for value in values} for name, values in kinds.items()}
    return {**known, "owner_id": counts["owner_id"]}


async def _catch_up(query: SearchQuery, context: Context, store: Store) -> dict[str, bool]:
    if not query.after:
        return {}
    settings = context.process.settings
    if not isinstance(settings, SearchSettings):
        raise TypeError("search runs under its own settings")
    caught_up = await wait_for(
        parse_positions(query.after),
        context.caller,
        context.database,
        store,
        wait_s=settings.position_wait_s,
        refresh_s=settings.index_refresh_ms / 1000,
    )
    return {"caught_up": caught_up}


@router.get(
    "/suggest", response_model=Suggestions, summary="Complete the name of a contact or company", responses=problems()
)
async def suggest(query: Annotated[SuggestQuery, Query()], context: Context, store: Store) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        visibility = await queries.load_visibility(connection, context.caller)
    wanted = [one.value for one in query.type or NameType]
    found = await store.search(
        visibility,
        to_suggest_query(query.q, now=context.clock.now()),
        filters=[{"terms": {"type": wanted}}],
        limit=query.limit,
    )
    return await context.reply_json(
        {"items": await asyncio.to_thread(_to_suggestions, found.hits, query.q, visibility)}
    )


@router.get(
    "/freshness",
    response_model=IndexFreshness,
    summary="Tell how far the index is behind the changes that have arrived",
    responses=problems(),
)
async def read_index_freshness(context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        return await context.reply_json(await read_freshness(connection, context.caller, context.clock.now()))


def _to_items(hits: Sequence[Hit], snippets: SnippetCutter, visibility: Visibility) -> list[dict[str, Any]]:
    return [to_item(hit, snippets=snippets, visibility=visibility) for hit in hits]


def _to_suggestions(hits: Sequence[Hit], query: str, visibility: Visibility) -> list[dict[str, Any]]:
    snippets = SnippetCutter(query, None)
    return [to_suggestion(hit, snippets=snippets, visibility=visibility) for hit in hits]
