"""`crm-reporting bi grant | revoke`: logins for BI tools."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

import asyncpg
import typer

from crm_reporting.bi import readers, revocation
from crm_reporting.bi.addresses import address_of, database_of, parse_address
from crm_reporting.settings import ReportingSettings
from crm_shared.database import Database
from crm_shared.entry_points.command_line import require_tenant
from crm_shared.entry_points.loading import load_settings

bi = typer.Typer(no_args_is_help=True, help="Logins for BI tools, each of which sees one tenant's views and no more.")

HARMFUL: Final = (
    "This login could stop every service: it may call {count} functions that take locks of the whole cluster or fill"
    " its disk, such as {example}. Nothing was changed. Run `crm-reporting provision` with a superuser's CRM_ADMIN_DSN,"
    " which closes them, then this again. Where nobody is a superuser, give BI tools a server that nothing else uses"
    " and say --shared-locks (docs/guides/bi.md)."
)
LIMITLESS: Final = (
    "{names} could not be set, so the login may fill the disk with temporary files: have a superuser say"
    " GRANT SET ON PARAMETER {names} TO the role of CRM_ADMIN_DSN, then run this again."
)


def _address(text: str) -> str:
    try:
        return parse_address(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


Tenant = Annotated[UUID, typer.Option(help="whose data the login sees")]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST[:PORT]",
        parser=_address,
        help="how the tool reaches PostgreSQL, where it is not reporting's own way",
    ),
]
Also = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST[:PORT]", parser=_address, help="a standby beside that of CRM_REPORTING_READ_DSN; may be repeated"
    ),
]


@bi.command()
def grant(
    tenant: Tenant,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="how long it lets in; for ever without it")] = None,
    address: Address = None,
    *,
    shared_locks: Annotated[
        bool,
        typer.Option("--shared-locks", help="give it even where it could take locks and space from everybody else"),
    ] = False,
) -> None:
    """Make a tenant's login, or give it a new password; prints its address once, on stdout, the rest on stderr."""
    settings = load_settings("reporting", "bi", ReportingSettings)
    dsn = settings.dsn.get_secret_value()
    until = None if days is None else datetime.now(UTC) + timedelta(days=days)

    async def make() -> readers.Reader:
        async with Database.opened(dsn, max_size=1) as database, database.read(tenant) as connection:
            await require_tenant(connection, tenant)
            harmful = await readers.list_open_functions(connection, tenant)
        if harmful and not shared_locks:
            typer.echo(HARMFUL.format(count=len(harmful), example=harmful[0]), err=True)
            raise typer.Exit(1)
        place = f"{address or address_of(dsn)}/{database_of(dsn)}"
        return await readers.grant_reader(
            settings.admin_dsn.get_secret_value(), tenant, address=place, valid_until=until
        )

    with _database_errors("grant", "Nothing was changed."):
        reader = asyncio.run(make())
    typer.echo(reader.dsn)
    lasts = "until it is revoked" if until is None else f"until {until:%Y-%m-%d %H:%M} UTC"
    typer.echo(f"{reader.role} reads the views of schema bi {lasts}; the password is shown this once.", err=True)
    if reader.missing_limits:
        typer.echo(LIMITLESS.format(names=", ".join(reader.missing_limits)), err=True)


@bi.command()
def revoke(tenant: Tenant, also: Also = None) -> None:
    """Remove a tenant's login and end its sessions, on the standby of CRM_REPORTING_READ_DSN too."""
    settings = load_settings("reporting", "bi", ReportingSettings)
    replica = [] if settings.read_dsn is None else [address_of(settings.read_dsn.get_secret_value())]
    ending = revocation.revoke_reader(
        settings.admin_dsn.get_secret_value(),
        tenant,
        database=database_of(settings.dsn.get_secret_value()),
        standbys=[*replica, *(also or [])],
    )
    try:
        with _database_errors("revoke", "It closes the login first: run it again once that is mended."):
            found = asyncio.run(ending)
    except revocation.SessionsRemain as error:
        for place, reason in error.places.items():
            typer.echo(f"{place} {reason}", err=True)
        typer.echo(
            "The login lets nobody in any more, but sessions that it has there may go on. Have that server up and"
            " following and run this again; if it is gone for good, run this without its address.",
            err=True,
        )
        raise typer.Exit(1) from None
    typer.echo("revoked" if found else "there was no login")


@contextmanager
def _database_errors(command: str, what_now: str) -> Iterator[None]:
    """End the process with what the database said. It never repeats statements, so no password."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        typer.echo(f"crm-reporting bi {command}: {type(error).__name__}: {error}. {what_now}", err=True)
        raise typer.Exit(1) from None
