"""Puts the HTTP side together."""

import httpx
from fastapi import FastAPI

from crm_reporting.exchange_rates import routes as exchange_rate_routes
from crm_reporting.freshness import routes as freshness_routes
from crm_reporting.parts import ReportingParts
from crm_reporting.quotas import routes as quota_routes
from crm_reporting.reports.activity_metrics import routes as activity_metrics_routes
from crm_reporting.reports.attainment import routes as attainment_routes
from crm_reporting.reports.conversion import routes as conversion_routes
from crm_reporting.reports.forecast import routes as forecast_routes
from crm_reporting.reports.leaderboard import routes as leaderboard_routes
from crm_reporting.reports.movement import routes as movement_routes
from crm_reporting.reports.pipeline import routes as pipeline_routes
from crm_reporting.reports.response_times import routes as response_times_routes
from crm_reporting.reports.stage_age import routes as stage_age_routes
from crm_reporting.reports.velocity import routes as velocity_routes
from crm_reporting.reports.win_rate import routes as win_rate_routes
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
            pipeline_routes.router,
            conversion_routes.router,
            stage_age_routes.router,
            forecast_routes.router,
            movement_routes.router,
            win_rate_routes.router,
            leaderboard_routes.router,
            attainment_routes.router,
            activity_metrics_routes.router,
            response_times_routes.router,
            velocity_routes.router,
            exchange_rate_routes.router,
            quota_routes.router,
            freshness_routes.router,
        ],
        description="Reports over deals and activities, quotas, dated exchange rates, and how fresh it all is.",
        owner=owner_api,
        parts=ReportingParts(settings, owner_api, groups),
    )
