"""Puts the HTTP side together."""

from fastapi import FastAPI

from crm_contacts.companies import batch_routes as company_batch_routes
from crm_contacts.companies import queries as companies
from crm_contacts.companies import routes as company_routes
from crm_contacts.contacts import batch_routes as contact_batch_routes
from crm_contacts.contacts import queries as contacts
from crm_contacts.contacts import routes as contact_routes
from crm_contacts.contacts import tag_routes
from crm_contacts.directory import routes as directory_routes
from crm_contacts.duplicates import routes as duplicate_routes
from crm_contacts.erasure import routes as erasure_routes
from crm_contacts.exports import routes as export_routes
from crm_contacts.imports import company_routes as named_company_routes
from crm_contacts.imports.adapters import ADAPTERS as IMPORTED
from crm_contacts.merges import routes as merge_routes
from crm_contacts.settings import ContactsSettings
from crm_contacts.sharing import routes as sharing_routes
from crm_shared.features.audit.routes import change_router
from crm_shared.features.custom_fields import EntityType
from crm_shared.features.custom_fields.routes import make_router as make_custom_field_router
from crm_shared.features.imports.routes import make_routers
from crm_shared.http.app import create_app

ROUTERS = (
    directory_routes.router,
    make_custom_field_router((EntityType.CONTACT, EntityType.COMPANY)),
    company_batch_routes.router,
    named_company_routes.router,
    company_routes.router,
    change_router("company", "companies", companies.load_company),
    contact_batch_routes.router,
    contact_routes.router,
    tag_routes.router,
    erasure_routes.router,
    sharing_routes.router,
    merge_routes.router,
    *make_routers(IMPORTED),
    export_routes.router,
    duplicate_routes.router,
    change_router("contact", "contacts", contacts.load_contact),
)


def make_app(settings: ContactsSettings) -> FastAPI:
    return create_app(
        settings,
        ROUTERS,
        description="Tenants and their users, companies, and the people who work for them.",
        owner=None,  # the directory's original is here: whom it doesn't know, nobody knows
    )
