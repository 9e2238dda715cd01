"""crm-reporting api | worker | migrate | redrive | repair | recount | verify | rebuild | bi. It has no relay."""

import asyncio
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from crm_reporting.bi.command import bi
from crm_reporting.settings import ReportingSettings
from crm_reporting.verification import REMEDIES, TIMEOUT_S, Difference, look
from crm_shared.database import Database
from crm_shared.entry_points.command_line import make_cli, require_tenant
from crm_shared.entry_points.loading import load_settings
from crm_shared.entry_points.processes import run

if TYPE_CHECKING:
    from crm_reporting.rebuild.run import IncompleteCopy, Swapped

main = make_cli("reporting", ReportingSettings, repairs=True)
main.add_typer(bi, name="bi")


@main.command()
def recount() -> None:
    """Make the sums of reports anew from the deals that are known; the worker waits meanwhile."""
    asyncio.run(_recount(load_settings("reporting", "recount", ReportingSettings)))
    typer.echo("the sums are made anew")


@main.command()
def verify(
    tenant: Annotated[UUID | None, typer.Option(help="Look at this tenant alone.")] = None,
) -> None:
    """Hold what reports add up from against the deals; exit status 1 where it differs, with what mends it.

    Status 2 where nothing is known of the tenant.
    """
    settings = load_settings("reporting", "verify", ReportingSettings)
    found = asyncio.run(_look(settings.worker_dsn.get_secret_value(), tenant))
    for one in found:
        typer.echo(f"tenant {one.tenant_id}: {one.row_count} rows of {one.table} differ")
    for table, remedy in REMEDIES.items():
        if any(one.table == table for one in found):
            typer.echo(f"{table}: {remedy}.")
    if found:
        typer.echo("That takes the deals and activities that reporting knows for right. Where some are missing or were")
        typer.echo("written to by hand, `crm-reporting rebuild` makes everything again from the topics.")
        raise typer.Exit(1)
    typer.echo("sums and periods are what deals and activities say")


@main.command()
def rebuild(
    tenant: Annotated[UUID | None, typer.Option(help="Make this tenant's part again, and leave the others'.")] = None,
    *,
    accept_losses: Annotated[
        bool, typer.Option("--accept-losses", help="Swap even where the topics tell less than the tables know.")
    ] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Forget a copy that is half made.")] = False,
) -> None:
    """Make all that reports are made of again from the topics, beside the live tables, and put it in their place.

    Reports go on meanwhile. Interrupted, it goes on where it was at the next call. Exit status 1 where the copy knows
    less than the live tables, which stay as they are then; 2 where nothing is known of the tenant.
    """
    settings = load_settings("reporting", "rebuild", ReportingSettings)
    if abandon:
        run(_abandon(settings))
    else:
        run(_rebuild(settings, tenant, accept_losses=accept_losses))


async def _look(dsn: str, tenant_id: UUID | None) -> list[Difference]:
    await _require(dsn, tenant_id)
    return await look(dsn, tenant_id)


async def _require(dsn: str, tenant_id: UUID | None) -> None:
    if tenant_id is not None:
        async with Database.opened(dsn, max_size=1) as database, database.read_as_worker() as connection:
            await require_tenant(connection, tenant_id)


async def _abandon(settings: ReportingSettings) -> None:
    from crm_reporting.rebuild.copies import RebuildRefused
    from crm_reporting.rebuild.run import abandon

    try:
        was_there = await abandon(settings.worker_dsn.get_secret_value())
    except RebuildRefused as error:
        typer.echo(f"crm-reporting rebuild: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo("the copy is gone" if was_there else "there is no copy")


async def _rebuild(settings: ReportingSettings, tenant_id: UUID | None, *, accept_losses: bool) -> None:
    from crm_reporting.rebuild.copies import RebuildRefused
    from crm_reporting.rebuild.run import IncompleteCopy, Rebuild, rebuild
    from crm_reporting.worker import CONSUMERS
    from crm_shared.transient import is_transient

    handlers = {topic: consumer for consumer in CONSUMERS for topic in consumer.topics}
    dsn = settings.worker_dsn.get_secret_value()
    await _require(dsn, tenant_id)
    order = Rebuild(dsn, settings.kafka, handlers, tenant_id, accepts_losses=accept_losses)
    try:
        swapped = await rebuild(order, lambda text: typer.echo(text, err=True))
    except RebuildRefused as error:
        typer.echo(f"crm-reporting rebuild: {error}", err=True)
        raise typer.Exit(2) from None
    except IncompleteCopy as error:
        _print_losses(error)
        raise typer.Exit(1) from None
    except asyncio.CancelledError:
        typer.echo("stopped; the same call goes on where it was, --abandon forgets it", err=True)
        raise
    except Exception as error:
        if not is_transient(error):
            raise
        typer.echo(f"stopped: {type(error).__name__}. Once it is back the same call goes on where it was", err=True)
        raise typer.Exit(2) from None
    _print_swap(swapped)


def _print_losses(error: "IncompleteCopy") -> None:
    for change in error.changes:
        if change.lost:
            typer.echo(f"{change.table}: {change.lost:,} rows know more than the topics tell")
    for refused in error.refused[:10]:
        typer.echo(f"{refused.topic}/{refused.partition} at {refused.record_offset}: {refused.reason}")
    if error.refused:
        typer.echo(f"{len(error.refused):,} records can't be read")
    typer.echo(
        "Nothing was changed. Have their owners tell of everything again (`crm-contacts republish`, `crm-deals"
        " republish`, `crm-activities republish`) and call it again: it goes on. --accept-losses swaps all the same."
    )


def _print_swap(swapped: "Swapped") -> None:
    for change in swapped.changes:
        if change.removed or change.added:
            typer.echo(f"{change.table}: {change.removed:,} rows were wrong, {change.added:,} written")
    if not any(change.removed or change.added for change in swapped.changes):
        typer.echo("the live tables were right: nothing was changed")
    pace = f"{swapped.deal_count / swapped.filled_in_s:,.0f} deals/s" if swapped.filled_in_s else ""
    typer.echo(
        f"{swapped.deal_count:,} deals; {swapped.record_count:,} records read in {swapped.filled_in_s:.1f} s ({pace});"
        f" workers waited {swapped.writers_waited_s:.1f} s"
    )


async def _recount(settings: ReportingSettings) -> None:
    from crm_reporting import store

    async with (
        Database.opened(settings.worker_dsn.get_secret_value(), max_size=1, statement_timeout_s=TIMEOUT_S) as database,
        database.begin_as_worker() as transaction,
    ):
        await store.recount(transaction)


if __name__ == "__main__":
    main()
