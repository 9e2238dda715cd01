"""crm-reporting api | worker | migrate | redrive | repair | recount. It publishes nothing: no relay, no republish."""

import asyncio

import typer

from crm_reporting.settings import ReportingSettings
from crm_shared.command_line import make_cli
from crm_shared.entry_points import load_settings

main = make_cli("reporting", ReportingSettings, publishes=False, repairs=True)


@main.command()
def recount() -> None:
    """Make the sums of reports anew from the deals that are known; the worker waits meanwhile."""
    asyncio.run(_recount(load_settings("reporting", "recount", ReportingSettings)))
    typer.echo("the sums are made anew")


async def _recount(settings: ReportingSettings) -> None:
    from crm_reporting import store
    from crm_shared.database import Database

    async with (
        Database.opened(settings.worker_dsn.get_secret_value(), max_size=1) as database,
        database.begin_as_worker() as transaction,
    ):
        await store.recount(transaction)


if __name__ == "__main__":
    main()
