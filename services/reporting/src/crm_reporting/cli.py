"""crm-reporting api | worker | migrate | redrive | repair | recount | verify. It publishes nothing: no relay."""

import asyncio
from typing import Annotated
from uuid import UUID

import typer

from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import REMEDIES, TIMEOUT_S, look
from crm_shared.command_line import make_cli
from crm_shared.entry_points import load_settings

main = make_cli("reporting", ReportingSettings, publishes=False, repairs=True)


@main.command()
def recount() -> None:
    """Make the sums of reports anew from the deals that are known; the worker waits meanwhile."""
    asyncio.run(_recount(load_settings("reporting", "recount", ReportingSettings)))
    typer.echo("the sums are made anew")


@main.command()
def verify(
    tenant: Annotated[UUID | None, typer.Option(help="Look at this tenant alone.")] = None,
) -> None:
    """Hold what reports add up from against the deals; exit status 1 where it differs, with what mends it."""
    settings = load_settings("reporting", "verify", ReportingSettings)
    found = asyncio.run(look(settings.worker_dsn.get_secret_value(), tenant))
    for one in found:
        typer.echo(f"tenant {one.tenant_id}: {one.row_count} rows of {one.table} differ")
    for table, remedy in REMEDIES.items():
        if any(one.table == table for one in found):
            typer.echo(f"{table}: {remedy}.")
    if found:
        raise typer.Exit(1)
    typer.echo("sums and periods are what the deals say")


async def _recount(settings: ReportingSettings) -> None:
    from crm_reporting import store
    from crm_shared.database import Database

    async with (
        Database.opened(settings.worker_dsn.get_secret_value(), max_size=1, statement_timeout_s=TIMEOUT_S) as database,
        database.begin_as_worker() as transaction,
    ):
        await store.recount(transaction)


if __name__ == "__main__":
    main()
