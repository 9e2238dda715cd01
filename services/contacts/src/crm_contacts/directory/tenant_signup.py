"""`crm-contacts create-tenant`: a customer begins here, since only users of a tenant can call the API."""

import asyncio

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from crm_contacts.directory.commands import CreateTenant, create_tenant
from crm_contacts.emails import Email
from crm_contacts.settings import ContactsSettings
from crm_shared.clock import SystemClock, new_id
from crm_shared.database import Database, UnitOfWork
from crm_shared.database.outages import is_away
from crm_shared.entry_points.loading import load_settings
from crm_shared.http.models import ShortText
from crm_shared.json_text import to_json
from crm_shared.money import CurrencyCode
from crm_shared.time_zones import TimeZone


class SignUp(BaseModel):
    """The command line's options, checked as the API checks the same fields."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    name: ShortText
    admin_email: Email
    currency: CurrencyCode
    time_zone: TimeZone

    def to_command(self) -> CreateTenant:
        return CreateTenant(
            tenant_id=new_id(),
            name=self.name,
            base_currency=self.currency,
            time_zone=self.time_zone,
            admin_email=self.admin_email,
            admin_name=self.admin_email.partition("@")[0],
        )


def sign_up(*, name: str, admin_email: str, currency: str, time_zone: str) -> str:
    """Make the tenant, give JSON {tenant_id, admin_id}. Ends the process with 2 for a bad option, 1 for no database."""
    try:
        request = SignUp(name=name, admin_email=admin_email, currency=currency, time_zone=time_zone)
    except ValidationError as error:
        for found in error.errors():
            option = str(found["loc"][0]).replace("_", "-")
            typer.echo(
                f"crm-contacts: --{option} {found['input']!r}: {found['msg'].removeprefix('Value error, ')}", err=True
            )
        raise typer.Exit(2) from None
    settings = load_settings("contacts", "create-tenant", ContactsSettings)
    command = request.to_command()
    try:
        admin_id = asyncio.run(_create(command, settings))
    except Exception as error:
        if not is_away(error):
            raise
        typer.echo(f"crm-contacts: the database can't be reached: {type(error).__name__}", err=True)
        raise typer.Exit(1) from None
    return to_json({"tenant_id": command.tenant_id, "admin_id": admin_id}).decode()


async def _create(command: CreateTenant, settings: ContactsSettings) -> object:
    database = await Database.open(settings.dsn.get_secret_value(), max_size=1, wait_s=settings.database_pool_wait_s)
    try:
        return await create_tenant(command, UnitOfWork(database), SystemClock())
    finally:
        await database.close()
