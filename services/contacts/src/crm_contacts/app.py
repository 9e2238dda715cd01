"""Puts the HTTP side together."""

from fastapi import FastAPI

from crm_contacts.companies import queries as companies
from crm_contacts.companies import routes as company_routes
from crm_contacts.contacts import queries as contacts
from crm_contacts.contacts import routes as contact_routes
from crm_contacts.contacts import tag_routes
from crm_contacts.directory import routes as directory_routes
from crm_contacts.settings import ContactsSettings
from crm_shared.audit.routes import change_router
from crm_shared.http.app import create_app

ROUTERS = (
    directory_routes.router,
    company_routes.router,
    change_router("company", "companies", companies.load_company),
    contact_routes.router,
    tag_routes.router,
    change_router("contact", "contacts", contacts.load_contact),
)


def make_app(settings: ContactsSettings) -> FastAPI:
    return create_app(
        settings,
        ROUTERS,
        description="Tenants and their users, companies, and the people who work for them.",
        owner=None,  # the directory's original is here: whom it doesn't know, nobody knows
    )
