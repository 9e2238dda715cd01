"""Puts the HTTP side together."""

from fastapi import FastAPI

from crm_activities.activities import routes as activity_routes
from crm_activities.activities import timeline_routes
from crm_activities.settings import ActivitiesSettings
from crm_shared.http.app import create_app
from crm_shared.replicas.dependency import ReferenceParts
from crm_shared.replicas.owner_api import OwnerApi


def make_app(settings: ActivitiesSettings) -> FastAPI:
    owner_api = OwnerApi(settings)
    return create_app(
        settings,
        [activity_routes.router, timeline_routes.router],
        description="E-mails, calls, meetings, notes and tasks, and the timelines of contacts and deals.",
        owner=owner_api,
        parts=ReferenceParts(owner_api),
    )
