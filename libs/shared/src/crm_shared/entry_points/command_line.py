"""The command line that every service has: api, worker, relay, migrate, redrive, republish, why and more.

Every service has the same rooms, so their names are enough to find them.
"""

from collections.abc import Awaitable, Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated
from uuid import UUID

import structlog
import typer

from crm_shared.access.directory import knows_tenant
from crm_shared.database import Connection, Database
from crm_shared.entry_points.loading import SettingsT, load_settings
from crm_shared.entry_points.processes import relay as run_relay
from crm_shared.entry_points.processes import run, serve_api, work
from crm_shared.entry_points.service_rooms import Rooms
from crm_shared.features.event_tracking import EVENT_HELP, JSON_HELP, MOST_HELP, MOST_RECORDS, RECORD_HELP
from crm_shared.service_registry import find_service
from crm_shared.settings import ServiceSettings

logger = structlog.get_logger(__name__)


def make_cli(
    service: str,
    settings_type: type[SettingsT],
    *,
    repairs: bool = False,
    prepare: Callable[[SettingsT], Awaitable[None]] | None = None,
) -> typer.Typer:
    """Build the `crm-<service>` command.

    A service that publishes has `relay` and `republish` (room `snapshots`), one that keeps others' records has `repair`
    (room `repairs`), and says what it makes of their events (room `effects`). `prepare` makes at `migrate` what other
    stores than PostgreSQL and Kafka need.
    """
    rooms = Rooms[SettingsT](service, prepare=prepare, has_effects=repairs)
    cli = typer.Typer(no_args_is_help=True, add_completion=False, help=f"The {service} service of the CRM suite.")

    def start(entry_point: str) -> SettingsT:
        return load_settings(service, entry_point, settings_type)

    _add_processes(cli, rooms, start)
    _add_upkeep(cli, rooms, start)
    if find_service(service).publishes:
        _add_publishing(cli, rooms, start)
    if repairs:
        _add_repair(cli, rooms, start)
    _add_restored(cli, rooms, start)
    _add_why(cli, rooms, start)
    # What other packages add where they are installed, such as `crm-reporting warehouse`.
    for added in entry_points(group=f"crm_{service}.commands"):
        cli.add_typer(added.load(), name=added.name)
    return cli


async def require_tenant(connection: Connection, tenant_id: UUID) -> None:
    """End the command with status 2 where the service knows nothing of a tenant: all would seem well with it."""
    if not await knows_tenant(connection, tenant_id):
        typer.echo(
            f"nothing is known here of tenant {tenant_id}. Look at the id again; of a new tenant"
            " the worker hears within moments, if it runs.",
            err=True,
        )
        raise typer.Exit(2)


def _add_processes(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def api() -> None:
        """Serve the HTTP API on CRM_HTTP_HOST:CRM_HTTP_PORT; operators on CRM_OPERATIONS_PORT, where that is set."""
        serve_api(start("api"), rooms)

    @cli.command()
    def worker() -> None:
        """Consume events; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        run(work(start("worker"), rooms))


def _add_upkeep(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def provision() -> None:
        """Create the database and its three roles through CRM_ADMIN_DSN, an administrator's. Safe to run again."""
        run(_provision(start("provision")))

    @cli.command()
    def migrate() -> None:
        """Bring the database, the topics and what else there is to their newest form. Safe to run again."""
        _migrate(start("migrate"), rooms)

    @cli.command()
    def redrive(
        group: str = typer.Option("", help="one consumer group; without it, each of this service"),
    ) -> None:
        """Put dead letters back on their topics, once what made them bad is mended."""
        run(_redrive(start("redrive"), rooms, group))

    @cli.command()
    def acls(
        *,
        apply: Annotated[bool, typer.Option("--apply", help="have the broker add them, as CRM_KAFKA_USER")] = False,
        principal: Annotated[str, typer.Option(help="how the broker writes principals")] = "User:{name}",
    ) -> None:
        """Print what this service's principals may do on the bus, as lines of kafka-acls.sh, or apply it."""
        run(_grant(start("acls"), rooms, apply=apply, principal_form=principal))


def _add_publishing(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def relay() -> None:
        """Bring the outbox to Kafka; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        run(run_relay(start("relay")))

    @cli.command()
    def republish(
        gently: bool = typer.Option(  # noqa: FBT001 - typer makes `--gently` of it
            default=False, help="wait for relay and readers, so that nobody's writes stand behind it; they must run"
        ),
    ) -> None:
        """Emit the present state of every record again, so that projections can be rebuilt from nothing."""
        run(_republish(start("republish"), rooms, gently=gently))


def _add_restored(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def restored(
        to: Annotated[str, typer.Option(help="the moment of the restored state, such as 2026-11-30T08:00:00Z")],
    ) -> None:
        """Bring everybody in line after this service's database was restored to an earlier moment; run it once.

        The service's workers and API must be stopped: what they read since that moment is read again. Versions are
        raised above all that others have seen, every record is told of anew, what is not there any more is ended.
        """
        from crm_shared.features.restoring.command import tell_of_restoration

        settings = start("restored")
        sources = rooms.list_snapshot_sources() if find_service(settings.service).publishes else ()
        run(tell_of_restoration(settings, sources, rooms.list_groups(), to))


def _add_repair(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def repair(
        tenant: Annotated[UUID, typer.Option(help="whose records are compared")],
        token_file: Annotated[Path, typer.Option(help="holds a token of one of its ADMINs; read at every request")],
        *,
        heal: Annotated[bool, typer.Option("--heal", help="bring in line what differs; without it, only tell")] = False,
    ) -> None:
        """Find what is kept here of records that their owner has no more, or has newer. Status 1 if any is left."""
        run(_repair(start("repair"), rooms, tenant, token_file, heal=heal))


def _add_why(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def why(
        event_id: Annotated[str, typer.Argument(help=EVENT_HELP)],
        *,
        as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
        record: Annotated[str, typer.Option(help=RECORD_HELP)] = "",
        most: Annotated[int, typer.Option(min=0, help=MOST_HELP)] = MOST_RECORDS,
        at: Annotated[str, typer.Option(help="where it stands: topic/partition/offset", hidden=True)] = "",
        own: Annotated[bool, typer.Option("--own", help="search this service's own topics alone", hidden=True)] = False,
    ) -> None:
        """Show the way of one event as this service sees it: outbox, topic, groups, dead letters, what came of it.

        Status 1 where it is not found. `crm why` asks all services of a suite.
        """
        from crm_shared.features.event_tracking.command import read_wanted, tell_why
        from crm_shared.features.event_tracking.looking import Service

        wanted = read_wanted(event_id, record, most, at=at, is_own_alone=own)
        settings = start("why")
        service = Service(
            settings.service,
            settings.kafka,
            settings.worker_dsn.get_secret_value(),
            find_service(settings.service).publishes,
            rooms.list_groups(),
            rooms.find_effects_with(settings),
        )
        run(tell_why(service, wanted, as_json=as_json))


async def _provision(settings: ServiceSettings) -> None:
    from crm_shared.entry_points.provision import password_by_role, provision

    dsns = [settings.owner_dsn, settings.dsn, settings.worker_dsn]
    await provision(
        settings.admin_dsn.get_secret_value(),
        settings.service,
        password_of=password_by_role([dsn.get_secret_value() for dsn in dsns]).__getitem__,
    )
    logger.info("provisioned", database=f"crm_{settings.service}")


def _migrate(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    from crm_shared.bus.topics import create_topics
    from crm_shared.database.migrations import migrate

    revision = migrate(settings.owner_dsn.get_secret_value(), rooms.migrations)

    async def make_the_rest() -> None:
        created = await create_topics(
            settings.kafka,
            settings.service,
            groups=rooms.list_groups(),
            partitions=settings.topic_partitions,
            replication=settings.topic_replication,
            compaction_lag_s=settings.compaction_lag_s,
        )
        if rooms.prepare is not None:
            await rooms.prepare(settings)
        logger.info("ready", revision=revision, topics_created=created)

    run(make_the_rest())


async def _grant(settings: SettingsT, rooms: Rooms[SettingsT], *, apply: bool, principal_form: str) -> None:
    from crm_shared.bus import acls

    wanted = acls.list_acls(settings.service, rooms.list_groups(), waits_for=settings.bulk_readers)
    if apply:
        await acls.apply(settings.kafka, wanted, principal_form=principal_form)
        typer.echo(f"{len(wanted)} rights of {', '.join(acls.name_principals(settings.service))} are in force")
        return
    for line in acls.to_commands(wanted, principal_form=principal_form):
        typer.echo(line)


async def _redrive(settings: SettingsT, rooms: Rooms[SettingsT], group: str) -> None:
    from crm_shared.bus.redrive import redrive

    groups = rooms.list_groups()
    if group and group not in groups:
        typer.echo(f"no such group: {group}. There are: {', '.join(sorted(groups))}")
        raise typer.Exit(2)
    for group_id, topics in sorted(groups.items()):
        if group in {"", group_id}:
            count = await redrive(settings.kafka, group_id, topics, progress=_show_progress(group_id))
            typer.echo(f"{group_id}: {count} put back")


async def _repair(
    settings: SettingsT, rooms: Rooms[SettingsT], tenant_id: UUID, token_file: Path, *, heal: bool
) -> None:
    from crm_shared.features.replicas.owner_lists import OwnerDiffers, OwnerLists
    from crm_shared.features.replicas.repair import repair

    def show(progress: str) -> None:
        typer.echo(progress, err=True)

    try:
        async with (
            rooms.opening_projections(settings) as (database, projections),
            OwnerLists(settings, token_file) as owners,
        ):
            found = await repair(database, projections, owners, tenant_id=tenant_id, heal=heal, progress=show)
    except OwnerDiffers as error:
        typer.echo(f"stopped: {error}. What was healed so far stays; run it again.", err=True)
        raise typer.Exit(2) from None
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"{found.count} differ" + (", brought in line" if heal and found.count else ""))
    if found.count and not heal:
        raise typer.Exit(1)


def _show_progress(group_id: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        typer.echo(f"{group_id}: {done} of {total}", err=True)

    return show


async def _republish(settings: SettingsT, rooms: Rooms[SettingsT], *, gently: bool) -> None:
    from crm_shared.backpressure import applying_backpressure
    from crm_shared.snapshots.republish import republish
    from crm_shared.snapshots.sources import list_snapshots

    dsn = settings.worker_dsn.get_secret_value()
    async with Database.opened(dsn, max_size=3) as database, applying_backpressure(settings, database) as backpressure:
        count = await republish(
            database,
            list_snapshots(database, rooms.list_snapshot_sources()),
            progress=lambda done: typer.echo(f"{done} snapshots", err=True),
            backpressure=backpressure if gently else None,
        )
    typer.echo(f"{count} snapshots are in the outbox; the relay brings them to Kafka")
