"""The command line that every service has: api, worker, relay, migrate, redrive, republish.

Every service has the same rooms, so their names are enough to find them.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
import typer
from pydantic import ValidationError

from crm_shared.database import Database
from crm_shared.garbage import keep_what_is_loaded
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from fastapi import FastAPI

    from crm_shared.bus import Consumer, Subscription
    from crm_shared.contracts import OutboxEvent
    from crm_shared.telemetry.health import Check

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Consuming:
    """What a worker runs: its subscriptions, bound to their stores, and the checks of those stores."""

    subscriptions: Sequence["Subscription"]
    checks: Mapping[str, "Check"]


class Rooms(Generic[SettingsT]):
    """A service's rooms, found by their names, which are the same in every service.

    Each is imported when it is entered, so that a process loads its own side alone: an API needs no Kafka client.
    """

    def __init__(self, service: str, *, prepare: Callable[[SettingsT], Awaitable[None]] | None) -> None:
        self._package = f"crm_{service}"
        self.prepare = prepare

    @property
    def migrations(self) -> Path:
        return Path(str(import_module(self._package).__file__)).parents[2] / "migrations" / "versions"

    def make_app(self, settings: SettingsT) -> "FastAPI":
        app: FastAPI = self._enter("app").make_app(settings)
        return app

    def list_consumers(self) -> Sequence["Consumer[...]"]:
        consumers: Sequence[Consumer[...]] = self._enter("worker").CONSUMERS
        return consumers

    def consuming(self, settings: SettingsT) -> AbstractAsyncContextManager[Consuming]:
        consuming: AbstractAsyncContextManager[Consuming] = self._enter("worker").consuming(settings)
        return consuming

    def list_snapshots(self, database: Database) -> AsyncIterator["OutboxEvent"]:
        snapshots: AsyncIterator[OutboxEvent] = self._enter("snapshots").list_snapshots(database)
        return snapshots

    def _enter(self, room: str) -> ModuleType:
        return import_module(f"{self._package}.{room}")


def make_cli(
    service: str,
    settings_type: type[SettingsT],
    *,
    publishes: bool,
    prepare: Callable[[SettingsT], Awaitable[None]] | None = None,
) -> typer.Typer:
    """Build the `crm-<service>` command.

    A service that publishes has `relay` and `republish` (room `snapshots`); `prepare` makes at `migrate` what other
    stores than PostgreSQL and Kafka need.
    """
    rooms = Rooms[SettingsT](service, prepare=prepare)
    cli = typer.Typer(no_args_is_help=True, add_completion=False, help=f"The {service} service of the CRM suite.")

    def start(role: str) -> SettingsT:
        return load_settings(service, role, settings_type)

    @cli.command()
    def api() -> None:
        """Serve the HTTP API on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _serve_api(start("api"), rooms)

    @cli.command()
    def worker() -> None:
        """Consume events; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _run(_work(start("worker"), rooms))

    @cli.command()
    def provision() -> None:
        """Create the database and its three roles through CRM_ADMIN_DSN, an administrator's. Safe to run again."""
        _run(_provision(start("provision")))

    @cli.command()
    def migrate() -> None:
        """Bring the database, the topics and what else there is to their newest form. Safe to run again."""
        _migrate(start("migrate"), rooms)

    @cli.command()
    def redrive(
        group: str = typer.Option("", help="one consumer group; without it, each of this service"),
    ) -> None:
        """Put dead letters back on their topics, once what made them bad is mended."""
        _run(_redrive(start("redrive"), rooms, group))

    if publishes:
        _add_publishing(cli, rooms, start)
    return cli


def _add_publishing(cli: typer.Typer, rooms: Rooms[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def relay() -> None:
        """Bring the outbox to Kafka; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _run(_relay(start("relay")))

    @cli.command()
    def republish() -> None:
        """Emit the present state of every record again, so that projections can be rebuilt from nothing."""
        _run(_republish(start("republish"), rooms))


def load_settings(service: str, role: str, settings_type: type[SettingsT]) -> SettingsT:
    """Read the environment and start logging. Ends the process with status 2, naming what is missing or wrong."""
    try:
        settings = settings_type()
    except ValidationError as error:
        missing = ", ".join(str(found["loc"][0]) for found in error.errors())
        typer.echo(f"crm-{service}: settings missing or wrong: {missing}. `crm env` prints those of a local suite.")
        raise typer.Exit(2) from None
    configure_logs(service=service, role=role, level=settings.log_level)
    return settings


def _run(work: Awaitable[None]) -> None:
    import uvloop

    async def main() -> None:
        await work

    try:
        uvloop.run(main())
    except KeyboardInterrupt:
        sys.exit(130)


def _serve_api(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    from crm_shared.http.direct import entrance
    from crm_shared.http.server import make_server

    server = make_server(entrance(rooms.make_app(settings)), settings)
    keep_what_is_loaded()
    server.run()


async def _work(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    from crm_shared.bus.subscriber import ConsumerSettings
    from crm_shared.bus.worker import run_worker

    consumer_settings = ConsumerSettings(
        kafka_bootstrap=settings.kafka_bootstrap,
        client_id=f"{settings.service}-worker",
        group_instance_id=settings.group_instance_id,
    )
    async with rooms.consuming(settings) as consuming:
        keep_what_is_loaded()
        await run_worker(
            consumer_settings,
            consuming.subscriptions,
            http_host=settings.http_host,
            http_port=settings.http_port,
            checks=consuming.checks,
        )


async def _relay(settings: ServiceSettings) -> None:
    from crm_shared.outbox.process import run_relay
    from crm_shared.outbox.settings import RelaySettings

    relay_settings = RelaySettings(
        dsn=settings.worker_dsn.get_secret_value(),
        kafka_bootstrap=settings.kafka_bootstrap,
        service=settings.service,
        batch_rows=settings.relay_batch_rows,
    )
    await run_relay(relay_settings, http_host=settings.http_host, http_port=settings.http_port)


async def _provision(settings: ServiceSettings) -> None:
    from crm_shared.database.provision import password_by_role, provision

    if settings.admin_dsn is None:
        typer.echo("provision needs CRM_ADMIN_DSN: PostgreSQL as a role that may create databases and roles")
        raise typer.Exit(2)
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
            settings.kafka_bootstrap,
            settings.service,
            groups={consumer.group_id: consumer.topics for consumer in rooms.list_consumers()},
            partitions=settings.topic_partitions,
            replication=settings.topic_replication,
            compaction_lag_s=settings.compaction_lag_s,
        )
        if rooms.prepare is not None:
            await rooms.prepare(settings)
        logger.info("ready", revision=revision, topics_created=created)

    _run(make_the_rest())


async def _redrive(settings: SettingsT, rooms: Rooms[SettingsT], group: str) -> None:
    from crm_shared.bus.redrive import redrive

    groups = {consumer.group_id: consumer.topics for consumer in rooms.list_consumers()}
    if group and group not in groups:
        typer.echo(f"no such group: {group}. There are: {', '.join(sorted(groups))}")
        raise typer.Exit(2)
    for group_id, topics in sorted(groups.items()):
        if group in {"", group_id}:
            count = await redrive(settings.kafka_bootstrap, group_id, topics, progress=_show_progress(group_id))
            typer.echo(f"{group_id}: {count} put back")


def _show_progress(group_id: str) -> Callable[[int, int], None]:
    def show(done: int, total: int) -> None:
        typer.echo(f"{group_id}: {done} of {total}", err=True)

    return show


async def _republish(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    from crm_shared.bus.republish import republish

    async with Database.opened(settings.worker_dsn.get_secret_value(), max_size=2) as database:
        count = await republish(
            database, rooms.list_snapshots(database), progress=lambda done: typer.echo(f"{done} snapshots", err=True)
        )
    typer.echo(f"{count} snapshots are in the outbox; the relay brings them to Kafka")
