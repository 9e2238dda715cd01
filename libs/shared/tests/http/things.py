"""A service small enough to read at once, with a route of each kind: what the HTTP rooms are tried on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, FastAPI, Query, Response
from pydantic import BaseModel, Field, JsonValue

from crm_shared.access import Caller, Permission
from crm_shared.clock import new_id
from crm_shared.database import Connection
from crm_shared.http.app import create_app
from crm_shared.http.context import Context
from crm_shared.http.guards import requires
from crm_shared.http.models import Day, Instant, ListQuery, RequestBody, ShortText
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import Forbidden, NotFound
from crm_shared.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "versions"
SELECT_THING = "SELECT id, 1 AS version, name, notes FROM things WHERE tenant_id = $1 AND id = $2"
RENAME_THING = "UPDATE things SET name = $3 WHERE tenant_id = $1 AND id = $2"
INSERT_THING = "INSERT INTO things (tenant_id, id, name, notes) VALUES ($1, $2, $3, $4)"

router = APIRouter(prefix="/things", tags=["things"], route_class=CrmRoute)


class ThingsSettings(ServiceSettings):
    service: str = "things"


class Thing(BaseModel):
    id: UUID
    version: int
    name: str
    notes: dict[str, JsonValue]


class CreateThing(RequestBody):
    name: ShortText
    notes: dict[str, JsonValue] = Field(default={})
    at: Instant | None = None
    day: Day | None = None


class RenameThings(RequestBody):
    ids: list[UUID]
    name: ShortText


class ThingList(ListQuery):
    tag: list[str] = Field(default=[])
    name: str | None = None


async def load_thing(connection: Connection, caller: Caller, thing_id: UUID) -> Mapping[str, Any]:
    row = await connection.fetchrow(SELECT_THING, caller.tenant_id, thing_id)
    if row is None:
        raise NotFound("There is no such thing.")
    return dict(row)


@router.post("", response_model=Thing, status_code=201, summary="Create a thing", responses=problems())
async def create_thing(body: CreateThing, context: Context) -> Response:
    thing_id = new_id()
    async with context.unit_of_work.begin(context.caller) as transaction:
        await transaction.execute(INSERT_THING, context.caller.tenant_id, thing_id, body.name, body.notes)
        thing = await load_thing(transaction, context.caller, thing_id)
    return context.reply_written("deal", thing, status=201)


@router.post(
    "/rename", response_model=Thing, summary="Rename things one after the other, slowly", responses=problems(NotFound)
)
async def rename_things(body: RenameThings, context: Context) -> Response:
    async with context.unit_of_work.begin(context.caller) as transaction:
        for thing_id in body.ids:
            await transaction.execute(RENAME_THING, context.caller.tenant_id, thing_id, f"{body.name} {thing_id}")
            await transaction.execute("SELECT pg_sleep(0.2)")
        thing = await load_thing(transaction, context.caller, body.ids[0])
    return context.reply_written("deal", thing)


@router.get("", response_model=Thing, summary="Say what was asked", responses=problems())
async def list_things(query: Annotated[ThingList, Query()], context: Context) -> Response:
    return await context.reply_json(query.model_dump())


@router.get("/named/{name}", response_model=Thing, summary="Say what the path names", responses=problems())
async def say_name(name: str, context: Context) -> Response:
    return await context.reply_json({"name": name})


@router.get("/{thing_id}", response_model=Thing, summary="Get one thing", responses=problems(NotFound))
async def get_thing(thing_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        return context.reply(await load_thing(connection, context.caller, thing_id))


@router.get(
    "/{thing_id}/fault", response_model=Thing, summary="Fail in a way that nobody foresaw", responses=problems()
)
async def get_fault(thing_id: UUID, context: Context) -> Response:
    raise ZeroDivisionError("SELECT secret", thing_id, context)


@router.delete(
    "/{thing_id}",
    status_code=204,
    summary="Delete a thing",
    responses=problems(Forbidden),
    dependencies=[requires(Permission.WRITE_USERS)],
)
async def delete_thing(thing_id: UUID, context: Context) -> Response:
    return context.reply_deleted("deal", {"id": thing_id, "version": 2})


@router.post("/{thing_id}/poke", response_model=Thing, summary="Change nothing that is kept", responses=problems())
async def poke_thing(thing_id: UUID, context: Context) -> Response:
    async with context.unit_of_work.begin(context.caller) as transaction:
        await transaction.execute("SELECT 1")
    return await context.reply_json({"id": thing_id})


@router.get(
    "/{thing_id}/guarded",
    response_model=Thing,
    summary="Get one guarded thing",
    responses=problems(Forbidden),
    dependencies=[requires(Permission.WRITE_USERS)],
)
async def get_guarded(thing_id: UUID, context: Context) -> Response:
    return await context.reply_json({"id": thing_id})


def make_app(settings: ThingsSettings) -> FastAPI:
    return create_app(settings, [router], description="Things.", owner=None)
