"""crm-contacts api | worker | relay | migrate | redrive | republish | create-tenant."""

from typing import Annotated

import typer

from crm_contacts.settings import ContactsSettings
from crm_shared.entry_points.command_line import make_cli

main = make_cli("contacts", ContactsSettings)


@main.command("create-tenant")
def create_tenant(
    name: Annotated[str, typer.Option(help="what the customer is called")],
    admin_email: Annotated[str, typer.Option(help="e-mail address of its first ADMIN")],
    currency: Annotated[str, typer.Option(help="base currency, ISO 4217")] = "EUR",
    time_zone: Annotated[str, typer.Option(help="IANA name")] = "Europe/Berlin",
) -> None:
    """Make a tenant and its first ADMIN; prints JSON {tenant_id, admin_id}."""
    from crm_contacts.directory.tenant_signup import sign_up

    typer.echo(sign_up(name=name, admin_email=admin_email, currency=currency, time_zone=time_zone))


if __name__ == "__main__":
    main()
