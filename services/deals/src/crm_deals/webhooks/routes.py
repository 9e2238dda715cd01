"""HTTP of webhooks: an ADMIN's alone, reading too."""

from datetime import datetime
from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Query, Response

from crm_deals.settings import DealsSettings
from crm_deals.webhooks import commands, queries
from crm_deals.webhooks.commands import DeleteWebhook, Redeliver, Replay
from crm_deals.webhooks.domain import DeliveryNotFound, ReplayTooSoon, StillPending, TooManyWebhooks, WebhookNotFound
from crm_deals.webhooks.schemas import (
    CreatedWebhook,
    CreateWebhookRequest,
    Delivery,
    DeliveryList,
    DeliveryPage,
    EditWebhookRequest,
    Replayed,
    ReplayRequest,
    WebhookAnswer,
    WebhookPage,
)
from crm_shared.access import Permission
from crm_shared.database import Where
from crm_shared.http.context import Context, RequestContext
from crm_shared.http.cursors import to_page
from crm_shared.http.guards import requires
from crm_shared.http.models import PageQuery
from crm_shared.http.problems import problems
from crm_shared.http.route import CrmRoute
from crm_shared.listing import Order, SortField
from crm_shared.refusals import Forbidden, StaleVersion

router = APIRouter(
    prefix="/webhooks", tags=["webhooks"], route_class=CrmRoute, dependencies=[requires(Permission.USE_WEBHOOKS)]
)

WEBHOOKS = Order("-created_at", SortField("w.created_at", datetime), is_descending=True, id_column="w.id")
DELIVERIES = Order("-created_at", SortField("d.created_at", datetime), is_descending=True, id_column="d.id")


@router.post(
    "",
    response_model=CreatedWebhook,
    status_code=201,
    summary="Create a webhook",
    responses=problems(Forbidden, TooManyWebhooks),
)
async def create_webhook(body: CreateWebhookRequest, context: Context) -> Response:
    command = body.to_command(context.caller, _settings(context))
    webhook = await commands.create_webhook(command, context.unit_of_work, context.clock)
    return context.reply_created_with_secret("webhook", webhook, shown_once="secret")


@router.get("", response_model=WebhookPage, summary="List webhooks", responses=problems(Forbidden))
async def list_webhooks(query: Annotated[PageQuery, Query()], context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    page = to_page(query, WEBHOOKS)
    async with context.database.read(tenant_id) as connection:
        rows = await queries.list_webhooks(connection, queries.select_webhooks(tenant_id, page))
    return await context.reply_sorted(rows, page)


@router.get(
    "/{webhook_id}",
    response_model=WebhookAnswer,
    summary="Get one webhook",
    responses=problems(Forbidden, WebhookNotFound),
)
async def get_webhook(webhook_id: UUID, context: Context) -> Response:
    async with context.database.read(context.caller.tenant_id) as connection:
        return context.reply(await queries.load_webhook(connection, context.caller.tenant_id, webhook_id))


@router.patch(
    "/{webhook_id}",
    response_model=WebhookAnswer,
    summary="Change a webhook",
    responses=problems(Forbidden, WebhookNotFound, StaleVersion),
)
async def edit_webhook(webhook_id: UUID, body: EditWebhookRequest, context: Context) -> Response:
    command = body.to_command(
        webhook_id, caller=context.caller, expected_version=context.if_match, settings=_settings(context)
    )
    return context.reply_written("webhook", await commands.edit_webhook(command, context.unit_of_work, context.clock))


@router.delete(
    "/{webhook_id}",
    status_code=204,
    summary="Delete a webhook and its deliveries",
    responses=problems(Forbidden, WebhookNotFound, StaleVersion),
)
async def delete_webhook(webhook_id: UUID, context: Context) -> Response:
    command = DeleteWebhook(context.caller, webhook_id, context.if_match)
    webhook = await commands.delete_webhook(command, context.unit_of_work, context.clock)
    return context.reply_deleted("webhook", webhook)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=DeliveryPage,
    summary="List deliveries, newest first",
    responses=problems(Forbidden, WebhookNotFound),
)
async def list_deliveries(webhook_id: UUID, query: Annotated[DeliveryList, Query()], context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    where = Where(tenant_id, webhook_id)
    if query.status is not None:
        where.add("d.status = {}", query.status)
    if query.event_type is not None:
        where.add("d.event_type = {}", query.event_type)
    if query.record_id is not None:
        where.add("d.record_id = {}", query.record_id)
    async with context.database.read(tenant_id) as connection:
        await queries.load_webhook(connection, tenant_id, webhook_id)
        page = to_page(query, DELIVERIES)
        rows = await queries.select_deliveries(where, page).fetch(connection)
    return await context.reply_sorted(rows, page)


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    response_model=Delivery,
    summary="Get one delivery",
    responses=problems(Forbidden, DeliveryNotFound),
)
async def get_delivery(webhook_id: UUID, delivery_id: UUID, context: Context) -> Response:
    tenant_id = context.caller.tenant_id
    async with context.database.read(tenant_id) as connection:
        return await context.reply_json(await queries.load_delivery(connection, tenant_id, webhook_id, delivery_id))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    response_model=Delivery,
    summary="Send a delivery again",
    responses=problems(Forbidden, WebhookNotFound, DeliveryNotFound, StillPending),
)
async def redeliver(webhook_id: UUID, delivery_id: UUID, context: Context) -> Response:
    command = Redeliver(context.caller, webhook_id, delivery_id)
    return await context.reply_json(await commands.redeliver(command, context.unit_of_work))


@router.post(
    "/{webhook_id}/replay",
    response_model=Replayed,
    summary="Send all deliveries since a moment again",
    responses=problems(Forbidden, WebhookNotFound, ReplayTooSoon),
)
async def replay(webhook_id: UUID, body: ReplayRequest, context: Context) -> Response:
    command = Replay(context.caller, webhook_id, body.since, _settings(context).webhook_replays_per_hour)
    return await context.reply_json({"count": await commands.replay(command, context.unit_of_work, context.clock)})


def _settings(context: RequestContext) -> DealsSettings:
    return cast("DealsSettings", context.process.settings)
