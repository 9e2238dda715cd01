"""The reference for GET and POST of a deal: Starlette and asyncpg, the same statements, and nothing else.

No token, no validation, no visibility, no idempotency, no metrics; the tenant is set when a connection is made.
"""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import asyncpg
import uvicorn
from pydantic_core import to_json
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_deals.deals.columns import DEAL_TABLE
from crm_deals.deals.domain import NewDeal, create
from crm_deals.deals.events import MAPPING, to_state
from crm_deals.deals.queries import SELECT_DEALS
from crm_deals.deals.repository import INSERT_DEAL, INSERT_HISTORY
from crm_deals.pipelines.repository import FIND_DEFAULT_STAGES, to_stage
from crm_shared.clock import new_id
from crm_shared.contracts import Actor
from crm_shared.publishing import publish

TENANT = UUID(os.environ["BENCH_TENANT"])
USER = UUID(os.environ["BENCH_USER"])


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    await connection.execute(f"SET crm.tenant_id = '{TENANT}'")


async def _keep(_connection: asyncpg.Connection) -> None:
    """Keep the session: asyncpg's reset query would drop the tenant, and cost the reference a round trip."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ["CRM_DEALS_DSN"], min_size=2, max_size=10, init=_prepare, reset=_keep
    ) as pool:
        app.state.pool = pool
        yield


async def get_deal(request: Request) -> Response:
    async with request.app.state.pool.acquire() as connection:
        row = await connection.fetchrow(SELECT_DEALS + "d.id = $2", TENANT, UUID(request.path_params["deal_id"]))
    return Response(to_json(dict(row)), media_type="application/json")


async def post_deal(request: Request) -> Response:
    body = await request.json()
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        stages = await connection.fetch(FIND_DEFAULT_STAGES, TENANT)
        new = NewDeal(
            name=body["name"], contact_id=None, company_id=None, owner_id=USER, amount=Decimal(body["amount"]),
            currency="EUR", close_date=None, description=None, external_id=None, lost_reason=None,
        )  # fmt: skip
        now = datetime.now(UTC)
        decision = create(new_id(), new, to_stage(stages[0]), at=now, now=now)
        await connection.execute(INSERT_DEAL, *DEAL_TABLE.to_row(TENANT, decision.deal))
        stage, deal = to_stage(stages[0]), decision.deal
        await connection.execute(
            INSERT_HISTORY, TENANT, USER, [deal.id], [deal.version], [None], [None], [stage.id], [stage.name], [now]
        )
        await publish(connection, MAPPING.to_wire(decision.events, by=Actor(TENANT, USER)), audited=True)
    return Response(to_json(to_state(decision.deal)), status_code=201, media_type="application/json")


app = Starlette(
    routes=[Route("/v1/deals/{deal_id}", get_deal), Route("/v1/deals", post_deal, methods=["POST"])],
    lifespan=lifespan,
)

if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["CRM_HTTP_PORT"]), loop="uvloop", http="httptools", log_config=None,
        access_log=False,
    )  # fmt: skip
