"""Puts the HTTP side together."""

import httpx
from fastapi import FastAPI

from crm_activities.activities import queries
from crm_activities.calendar import calendar_routes
from crm_activities.calendar import routes as feed_routes
from crm_activities.exports import routes as export_routes
from crm_activities.imports.adapters import ADAPTERS as IMPORTED
from crm_activities.inbox import routes as inbox_routes
from crm_activities.settings import ActivitiesSettings
from crm_activities.use_cases import bulk_routes, thread_routes, timeline_routes
from crm_activities.use_cases import routes as activity_routes
from crm_shared.features.audit.routes import change_router
from crm_shared.features.imports.routes import make_routers
from crm_shared.features.replicas.dependency import ReferenceParts
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.http.app import create_app

ROUTERS = (
    bulk_routes.router,
    activity_routes.router,
    timeline_routes.router,
    export_routes.router,
    *make_routers(IMPORTED),
    inbox_routes.router,
    thread_routes.router,
    feed_routes.router,
    calendar_routes.router,
    change_router("activity", "activities", queries.load_activity),
)


def make_app(settings: ActivitiesSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Make the application; `transport` carries its calls to other services."""
    owner_api = OwnerApi(settings, transport=transport)
    return create_app(
        settings,
        ROUTERS,
        description="E-mails, calls, meetings, notes and tasks; timelines, inboxes, threads and calendar feeds.",
        owner=owner_api,
        parts=ReferenceParts(owner_api),
    )
