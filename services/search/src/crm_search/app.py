"""Puts the HTTP side together."""

from fastapi import FastAPI

from crm_search import routes
from crm_search.dependency import SearchParts
from crm_search.settings import SearchSettings
from crm_shared.features.replicas.owner_api import OwnerApi
from crm_shared.http.app import create_app


def make_app(settings: SearchSettings) -> FastAPI:
    owner_api = OwnerApi(settings)
    return create_app(
        settings,
        [routes.router],
        description="One ranked search over contacts, companies, deals and activities, and names as you type.",
        owner=owner_api,
        parts=SearchParts(settings, owner_api),
    )
