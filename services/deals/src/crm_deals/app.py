"""Puts the HTTP side together."""

import httpx
from fastapi import FastAPI

from crm_deals.deals import board_routes, bulk_routes
from crm_deals.deals import queries as deals
from crm_deals.deals import routes as deal_routes
from crm_deals.exports import routes as export_routes
from crm_deals.imports.adapters import ADAPTERS as IMPORTED
from crm_deals.pipelines import routes as pipeline_routes
from crm_deals.settings import DealsSettings
from crm_deals.stages import routes as stage_routes
from crm_deals.webhooks import routes as webhook_routes
from crm_shared.features.audit.routes import change_router
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.routes import make_router as make_custom_field_router
from crm_shared.features.imports.routes import make_routers
from crm_shared.features.replicas.dependency import ReferenceParts, find_references
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.http.app import create_app

ROUTERS = (
    pipeline_routes.router,
    stage_routes.reads,
    stage_routes.router,
    board_routes.router,
    make_custom_field_router((EntityType.DEAL,)),
    bulk_routes.router,
    deal_routes.router,
    export_routes.router,
    *make_routers(IMPORTED, find_keeper=find_references),
    webhook_routes.router,
    change_router("deal", "deals", deals.load_deal),
)


def make_app(settings: DealsSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Make the application; `transport` carries its calls to other services."""
    owner_api = OwnerApi(settings, transport=transport)
    return create_app(
        settings,
        ROUTERS,
        description="Pipelines, deals, their moves and history.",
        owner=owner_api,
        parts=ReferenceParts(owner_api),
    )
