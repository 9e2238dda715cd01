"""crm-contacts api | worker | relay | migrate | redrive | republish | create-tenant."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer
from starlette.types import ASGIApp

from crm_contacts.settings import ContactsSettings
from crm_shared.bus.subscription import Consumer
from crm_shared.command_line import Consuming, ServiceParts, make_cli
from crm_shared.contracts import OutboxEvent
from crm_shared.database import Database


def _make_app(settings: ContactsSettings) -> ASGIApp:
    from crm_contacts.app import make_app

    return make_app(settings)


def _consumers() -> Sequence[Consumer[...]]:
    from crm_contacts.worker import CONSUMERS

    return CONSUMERS


def _consuming(settings: ContactsSettings) -> AbstractAsyncContextManager[Consuming]:
    from crm_contacts.worker import consuming

    return consuming(settings)


def _snapshots(database: Database) -> AsyncIterator[OutboxEvent]:
    from crm_contacts.snapshots import list_snapshots

    return list_snapshots(database)


main = make_cli(
    "contacts",
    ServiceParts(
        settings=ContactsSettings,
        migrations=Path(__file__).parents[2] / "migrations" / "versions",
        make_app=_make_app,
        consumers=_consumers,
        consuming=_consuming,
        snapshots=_snapshots,
    ),
)


@main.command("create-tenant")
def create_tenant(
    name: Annotated[str, typer.Option(help="what the customer is called")],
    admin_email: Annotated[str, typer.Option(help="e-mail address of its first ADMIN")],
    currency: Annotated[str, typer.Option(help="base currency, ISO 4217")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA name")] = "Europe/Berlin",
) -> None:
    """Make a tenant and its first ADMIN; prints JSON {tenant_id, admin_id}."""
    from crm_contacts.directory.signing_up import sign_up

    typer.echo(sign_up(name=name, admin_email=admin_email, currency=currency, time_zone=time_zone))


if __name__ == "__main__":
    main()
