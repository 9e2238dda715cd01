"""The command line that every service has: api, worker, relay, migrate, redrive, republish.

A service hands in its parts as functions that import them, so that each process loads only its own side.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog
import typer
from pydantic import ValidationError

from crm_shared.database import Database
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.logs import configure_logs

if TYPE_CHECKING:
    from starlette.types import ASGIApp

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


@dataclass(frozen=True)
class ServiceParts(Generic[SettingsT]):
    """`snapshots` and `relay` belong to services that publish; `prepare` makes other stores than PostgreSQL."""

    settings: type[SettingsT]
    migrations: Path
    make_app: Callable[[SettingsT], "ASGIApp"]
    consumers: Callable[[], Sequence["Consumer[...]"]]
    consuming: Callable[[SettingsT], AbstractAsyncContextManager[Consuming]]
    snapshots: Callable[[Database], AsyncIterator["OutboxEvent"]] | None = None
    prepare: Callable[[SettingsT], Awaitable[None]] | None = None


def make_cli(service: str, parts: ServiceParts[SettingsT]) -> typer.Typer:
    """Build the `crm-<service>` command."""
    cli = typer.Typer(no_args_is_help=True, add_completion=False, help=f"The {service} service of the CRM suite.")

    def start(role: str) -> SettingsT:
        return load_settings(service, role, parts.settings)

    @cli.command()
    def api() -> None:
        """Serve the HTTP API on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _serve_api(start("api"), parts)

    @cli.command()
    def worker() -> None:
        """Consume events; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _run(_work(start("worker"), parts))

    @cli.command()
    def provision() -> None:
        """Create the database and its three roles through CRM_ADMIN_DSN, an administrator's. Safe to run again."""
        _run(_provision(start("provision")))

    @cli.command()
    def migrate() -> None:
        """Bring the database, the topics and what else there is to their newest form. Safe to run again."""
        _migrate(start("migrate"), parts)

    @cli.command()
    def redrive(
        group: str = typer.Option("", help="one consumer group; without it, each of this service"),
    ) -> None:
        """Put dead letters back on their topics, once what made them bad is mended."""
        _run(_redrive(start("redrive"), parts, group))

    if parts.snapshots is not None:
        _add_publishing(cli, parts, start)
    return cli


def _add_publishing(cli: typer.Typer, parts: ServiceParts[SettingsT], start: Callable[[str], SettingsT]) -> None:
    @cli.command()
    def relay() -> None:
        """Bring the outbox to Kafka; health and metrics on CRM_HTTP_HOST:CRM_HTTP_PORT."""
        _run(_relay(start("relay")))

    @cli.command()
    def republish() -> None:
        """Emit the present state of every record again, so that projections can be rebuilt from nothing."""
        _run(_republish(start("republish"), parts))


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


def _serve_api(settings: SettingsT, parts: ServiceParts[SettingsT]) -> None:
    from crm_shared.http.server import make_server

    make_server(parts.make_app(settings), settings).run()


async def _work(settings: SettingsT, parts: ServiceParts[SettingsT]) -> None:
    from crm_shared.bus.subscriber import ConsumerSettings
    from crm_shared.bus.worker import run_worker

    consumer_settings = ConsumerSettings(
        kafka_bootstrap=settings.kafka_bootstrap,
        client_id=f"{settings.service}-worker",
        group_instance_id=settings.group_instance_id,
    )
    async with parts.consuming(settings) as consuming:
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


def _migrate(settings: SettingsT, parts: ServiceParts[SettingsT]) -> None:
    from crm_shared.bus.topics import create_topics
    from crm_shared.database.migrations import migrate

    revision = migrate(settings.owner_dsn.get_secret_value(), parts.migrations)

    async def make_the_rest() -> None:
        created = await create_topics(
            settings.kafka_bootstrap,
            settings.service,
            groups={consumer.group_id: consumer.topics for consumer in parts.consumers()},
            partitions=settings.topic_partitions,
            replication=settings.topic_replication,
        )
        if parts.prepare is not None:
            await parts.prepare(settings)
        logger.info("ready", revision=revision, topics_created=created)

    _run(make_the_rest())


async def _redrive(settings: SettingsT, parts: ServiceParts[SettingsT], group: str) -> None:
    from crm_shared.bus.redrive import redrive

    groups = {consumer.group_id: consumer.topics for consumer in parts.consumers()}
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


async def _republish(settings: SettingsT, parts: ServiceParts[SettingsT]) -> None:
    from crm_shared.bus.republish import republish

    if parts.snapshots is None:
        raise typer.Exit(2)
    database = await Database.open(settings.worker_dsn.get_secret_value(), max_size=2)
    try:
        count = await republish(
            database, parts.snapshots(database), progress=lambda done: typer.echo(f"{done} snapshots", err=True)
        )
    finally:
        await database.close()
    typer.echo(f"{count} snapshots are in the outbox; the relay brings them to Kafka")
