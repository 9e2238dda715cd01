"""The reference for logging activities, one by one and in batches: Starlette and asyncpg, the same statements.

No token, no validation, no visibility (the statements are an ADMIN's), no idempotency, no metrics; the tenant is set
when a connection is made.
"""

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn
from pydantic_core import from_json, to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_activities.activities import domain, events
from crm_activities.activities.activity import ActivityType, CallOutcome, Direction, NewActivity
from crm_activities.activities.columns import ACTIVITY_TABLE
from crm_activities.activities.domain import Decision
from crm_activities.activities.repository import INSERT_ACTIVITY
from crm_shared.clock import new_id
from crm_shared.contracts import Actor
from crm_shared.features.replicas.canonical import LOCK_CANONICAL, LOCK_TRAILS
from crm_shared.features.replicas.references import FIND_RECORDS
from crm_shared.publishing import publish

FIND_CONTACTS = FIND_RECORDS + "true"
TENANT = UUID(os.environ["BENCH_TENANT"])
USER = UUID(os.environ["BENCH_USER"])


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + to_json(value),
        decoder=lambda raw: from_json(raw[1:]),
    )
    await connection.execute(f"SET crm.tenant_id = '{TENANT}'")


async def _keep(_connection: asyncpg.Connection) -> None:
    """Keep the session: asyncpg's reset query would drop the tenant, and cost the reference a round trip."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ["CRM_ACTIVITIES_DSN"], min_size=2, max_size=10, init=_prepare, reset=_keep
    ) as pool:
        app.state.pool = pool
        yield


def _log(body: dict[str, Any]) -> Decision:
    contact_id = UUID(body["contact_id"]) if "contact_id" in body else None
    fields: dict[str, Any] = {
        **body,
        "type": ActivityType(body["type"]),
        "direction": Direction(body["direction"]),
        "outcome": CallOutcome(body["outcome"]),
        "contact_id": contact_id,
        "contact_ids": () if contact_id is None else (contact_id,),
    }
    return domain.log(new_id(), NewActivity(**fields, user_id=USER), now=datetime.now(UTC))


async def _require_contacts(pool: asyncpg.Pool, contact_ids: Sequence[UUID]) -> None:
    if not contact_ids:
        return  # ours takes no connection either
    async with pool.acquire() as connection:
        rows = await connection.fetch(FIND_CONTACTS, ["contact"] * len(contact_ids), contact_ids, TENANT)
    assert len(rows) == len(contact_ids)


async def _hold_contacts(connection: asyncpg.Connection, contact_ids: Sequence[UUID]) -> None:
    if len(contact_ids) == 1:
        assert await connection.fetchrow(LOCK_CANONICAL, TENANT, *contact_ids) is not None
    elif contact_ids:
        rows = await connection.fetch(LOCK_TRAILS, [TENANT] * len(contact_ids), contact_ids)
        assert not any(row["merged_into"] for row in rows)


async def _publish(connection: asyncpg.Connection, decisions: Sequence[Decision]) -> None:
    happened = [event for decision in decisions for event in decision.events]
    await publish(connection, events.MAPPING.to_wire(happened, by=Actor(TENANT, USER)), audited=True)


async def post_activity(request: Request) -> Response:
    decision = _log(json.loads(await request.body()))
    contact_ids = decision.activity.contact_ids
    await _require_contacts(request.app.state.pool, contact_ids)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await _hold_contacts(connection, contact_ids)
        await connection.execute(INSERT_ACTIVITY, *ACTIVITY_TABLE.to_row(TENANT, decision.activity))
        await _publish(connection, [decision])
    return Response(to_json(events.to_state(decision.activity)), status_code=201, media_type="application/json")


async def post_batch(request: Request) -> Response:
    decisions = [_log(item) for item in from_json(await request.body())["items"]]
    states = [events.to_state(decision.activity) for decision in decisions]
    contact_ids = sorted({contact_id for decision in decisions for contact_id in decision.activity.contact_ids})
    await _require_contacts(request.app.state.pool, contact_ids)
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        await _hold_contacts(connection, contact_ids)
        await connection.execute(ACTIVITY_TABLE.insert_many, TENANT, states)
        await _publish(connection, decisions)
    items = [{"index": index, "status": 201, "id": state["id"]} for index, state in enumerate(states)]
    return Response(to_json({"items": items}), status_code=207, media_type="application/json")


app = Starlette(
    routes=[
        Route("/v1/activities", post_activity, methods=["POST"]),
        Route("/v1/activities/batch", post_batch, methods=["POST"]),
    ],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["CRM_HTTP_PORT"]), loop="uvloop", http="httptools", log_config=None,
        access_log=False,
    )  # fmt: skip
