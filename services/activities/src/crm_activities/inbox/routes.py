"""HTTP of the inbox."""

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_activities.inbox import queries
from crm_activities.inbox.queries import Asked, SectionPage
from crm_activities.inbox.schemas import Inbox, InboxQuery
from crm_activities.inbox.sections import ORDERS, Section, find_borders, to_key
from crm_shared.features.replicas.dependency import ReferenceLookup
from crm_shared.features.replicas.references import Reference, References
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import decode_cursor, encode_cursor
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.permissions import Permission
from crm_shared.refusals import InvalidField, NotFound, UnknownReference

SECTION_LEVELS: Final = 3
"""Tasks stand in a section's list, beside its count."""

router = APIRouter(prefix="/inbox", tags=["inbox"], route_class=CrmRoute)


@router.get(
    "",
    response_model=Inbox,
    response_model_exclude_unset=True,
    summary="Read the open tasks of a user, by when they are due",
    responses=problems(NotFound),
)
async def read_inbox(query: Annotated[InboxQuery, Query()], context: Context, references: ReferenceLookup) -> Response:
    caller, user_id = context.caller, query.user_id or context.caller.user_id
    at, after = query.at or context.clock.now(), None
    if query.cursor is not None:
        if query.section is None:
            raise InvalidField.at("?cursor", "goes on in one section: name it")
        place, last_id = decode_cursor(query.cursor, ORDERS[query.section])
        at, after = query.at or place.at, (place.due, last_id)
    zone = await _find_zone(context, references, user_id)
    sections = tuple(Section) if query.section is None else (query.section,)
    asked = Asked(caller.tenant_id, user_id, sections, find_borders(at, zone), query.limit, after)
    async with context.database.snapshot(caller.tenant_id) as connection:
        pages = await queries.load_inbox(connection, asked)
    answers: dict[str, Any] = {section: _to_answer(section, page, asked) for section, page in pages.items()}
    return await context.reply_json({"time_zone": zone, "at": at, **answers}, levels=SECTION_LEVELS)


async def _find_zone(context: RequestContext, references: References, user_id: UUID) -> str:
    """Return the user's time zone; of one not heard of yet, contacts is asked. Raises NotFound for one out of sight."""
    caller = context.caller
    async with context.database.read(caller.tenant_id) as connection:
        zone = await queries.find_zone(connection, caller, user_id)
    if zone is not None or user_id == caller.user_id:
        return zone or caller.time_zone
    try:
        if caller.can(Permission.SEE_ALL):
            await references.require(caller, Reference("?user_id", "user", user_id))
            return caller.time_zone
    except UnknownReference:
        pass
    raise NotFound("There is no such user.")


def _to_answer(section: Section, page: SectionPage, asked: Asked) -> dict[str, Any]:
    cursor = None
    if page.last is not None:
        cursor = encode_cursor(ORDERS[section], to_key(*page.last, at=asked.borders.at))
    return {"count": page.count, "items": page.items, "next_cursor": cursor}
