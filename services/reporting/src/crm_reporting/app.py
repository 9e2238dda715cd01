"""Puts the HTTP side together."""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import httpx
from fastapi import APIRouter, FastAPI

from crm_reporting import reports
from crm_reporting.exchange_rates import routes as exchange_rate_routes
from crm_reporting.freshness import routes as freshness_routes
from crm_reporting.parts import ReportingParts
from crm_reporting.quotas import routes as quota_routes
from crm_reporting.settings import ReportingSettings
from crm_reporting.worker import CONSUMERS
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.http.app import create_app


def make_app(settings: ReportingSettings, *, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    """Make the application; `transport` carries its calls to other services."""
    owner_api = OwnerApi(settings, transport=transport)
    groups = {consumer.group_id: consumer.topics for consumer in CONSUMERS}
    return create_app(
        settings,
        [
            *list_reports(),
            exchange_rate_routes.router,
            quota_routes.router,
            freshness_routes.router,
        ],
        description="Reports over deals and activities, quotas, dated exchange rates, and how fresh it all is.",
        owner=owner_api,
        parts=ReportingParts(settings, owner_api, groups),
    )


def list_reports() -> list[APIRouter]:
    """Return the router of every report, by name: a folder of `reports` that has `routes` is one."""
    folders = [f"{reports.__name__}.{found.name}" for found in iter_modules(reports.__path__) if found.ispkg]
    rooms = [room for folder in sorted(folders) if find_spec(room := f"{folder}.routes") is not None]
    routers: list[APIRouter] = [import_module(room).router for room in rooms]
    return routers
