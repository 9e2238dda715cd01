"""crm-search api | worker | migrate | redrive | repair | rebuild | verify. It publishes nothing: no relay."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from crm_search.settings import SearchSettings
from crm_shared.database import Database
from crm_shared.entry_points.command_line import make_cli, require_tenant
from crm_shared.entry_points.loading import load_settings
from crm_shared.entry_points.processes import run

if TYPE_CHECKING:
    from crm_search.indexes.cluster import IndexCluster


async def _prepare(settings: SearchSettings) -> None:
    from crm_search.index import open_client, prepare_index
    from crm_search.indexes.cluster import IndexCluster
    from crm_search.indexes.rebuilding import begin_if_due

    async with (
        open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s) as client,
        Database.opened(settings.owner_dsn.get_secret_value(), max_size=1) as database,
    ):
        await prepare_index(client, settings)
        await begin_if_due(database, IndexCluster(client, settings))


main = make_cli("search", SearchSettings, repairs=True, prepare=_prepare)


@main.command()
def rebuild(
    tenant: Annotated[UUID | None, typer.Option(help="write this tenant's documents again, where they are")] = None,
    *,
    abandon: Annotated[bool, typer.Option("--abandon", help="give up the index that is being filled")] = False,
) -> None:
    """Fill a new index beside the live one and put it in its place; searches go on. Status 1 where it differs.

    Status 2 where nothing is known of the tenant. Stopped or killed, it is finished by the workers, or by the
    next call.
    """
    if abandon and tenant is not None:
        raise typer.BadParameter("there is nothing to abandon of one tenant: its documents are replaced one by one")
    run(_rebuild(load_settings("search", "rebuild", SearchSettings), tenant, abandon=abandon))


@main.command()
def verify(
    tenant: Annotated[UUID | None, typer.Option(help="look at this tenant alone")] = None,
    *,
    heal: Annotated[bool, typer.Option("--heal", help="mend what differs; without it, only tell")] = False,
) -> None:
    """Hold every document against the row that it is made of. Status 1 if any difference is left, 2 for no tenant."""
    run(_verify(load_settings("search", "verify", SearchSettings), tenant, heal=heal))


async def _rebuild(settings: SearchSettings, tenant: UUID | None, *, abandon: bool) -> None:
    from crm_search.indexes import runs

    async with _open(settings) as (database, cluster):
        if abandon:
            name = await runs.abandon(database)
            typer.echo(f"{name} is given up; workers remove it" if name else "no index is being filled")
        elif tenant is not None:
            await _require(database, tenant)
            await runs.rewrite_tenant(database, cluster, tenant, progress=_show)
            await _report(database, cluster, tenant, heal=True)
        else:
            refusal = await runs.rebuild(database, cluster, progress=_show)
            if refusal is not None:
                typer.echo(f"the live index stays, as the new one is not what the rows are: {refusal}", err=True)
                typer.echo("`crm-search rebuild` tries again; `--abandon` gives the new one up.", err=True)
                raise typer.Exit(1)
            typer.echo("searches read the new index; the former one is kept for a day")


async def _verify(settings: SearchSettings, tenant: UUID | None, *, heal: bool) -> None:
    async with _open(settings) as (database, cluster):
        if tenant is not None:
            await _require(database, tenant)
        await _report(database, cluster, tenant, heal=heal)


async def _require(database: Database, tenant: UUID) -> None:
    async with database.read_as_worker() as connection:
        await require_tenant(connection, tenant)


async def _report(database: Database, cluster: "IndexCluster", tenant: UUID | None, *, heal: bool) -> None:
    from crm_search.indexes.verification import verify

    differences = healed = 0
    async for one in verify(database, cluster, tenant_id=tenant, heal=heal, progress=_show):
        if one.counts.rows or one.counts.documents or one.counts.differences:
            typer.echo(one.counts.describe(one.tenant_id, one.type))
        differences += one.counts.differences
        healed += one.counts.healed
    typer.echo(f"{differences} differ" + (f", {healed} were brought in line" if heal else ""))
    if differences:
        remedy = "--heal` again, once nobody else writes to the index, brings" if heal else "--heal` brings"
        typer.echo(f"`crm-search verify {remedy} them in line.", err=True)
        raise typer.Exit(1)


@asynccontextmanager
async def _open(settings: SearchSettings) -> "AsyncIterator[tuple[Database, IndexCluster]]":
    from crm_search.index import open_client
    from crm_search.indexes.cluster import IndexCluster

    async with (
        Database.opened(settings.worker_dsn.get_secret_value(), max_size=4) as database,
        open_client(settings, timeout_s=settings.elasticsearch_write_timeout_s) as client,
    ):
        yield database, IndexCluster(client, settings)


def _show(progress: str) -> None:
    typer.echo(progress, err=True)


if __name__ == "__main__":
    main()
