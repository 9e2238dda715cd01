"""The processes of a service that stay: its API, its worker, its relay. Each loads its own side alone."""

import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from crm_shared.entry_points.loading import SettingsT
from crm_shared.entry_points.service_rooms import Rooms
from crm_shared.gc_freeze import freeze_loaded_objects, frozen_after_loading, put_off_full_collections
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.tracing import recording

if TYPE_CHECKING:
    from crm_shared.outbox.settings import RelaySettings


def run(work: Awaitable[None]) -> None:
    """Run what a command does, on uvloop."""
    import uvloop

    async def main() -> None:
        await work

    try:
        uvloop.run(main())
    except KeyboardInterrupt:
        sys.exit(130)


def serve_api(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    """Serve the API; operators on their own port, where one is set."""
    from crm_shared.http.direct import entrance
    from crm_shared.http.server import make_server, serving_beside

    with recording(settings.service, "api"):
        with frozen_after_loading():
            app = rooms.make_app(settings)
            server = make_server(entrance(app), settings, app.state.leaving)
        put_off_full_collections()
        if settings.operations_port is None:
            server.run()
            return

        async def serve_both(port: int) -> None:
            async with serving_beside(app.state.operations, settings, host=settings.http_host, port=port):
                await server.serve()

        run(serve_both(settings.operations_port))


async def work(settings: SettingsT, rooms: Rooms[SettingsT]) -> None:
    """Consume events until the process is told to stop."""
    from crm_shared.bus.subscriber import ConsumerSettings
    from crm_shared.bus.worker import run_worker
    from crm_shared.cluster_watch import watching_cluster

    consumer_settings = ConsumerSettings(
        kafka=settings.kafka,
        client_id=f"{settings.service}-worker",
        group_instance_id=settings.group_instance_id,
    )
    with recording(settings.service, "worker"):
        async with (
            watching_cluster(settings.worker_dsn.get_secret_value()),
            rooms.consuming(settings) as consuming,
        ):
            freeze_loaded_objects()
            put_off_full_collections()
            await run_worker(
                consumer_settings,
                consuming.subscriptions,
                http_host=settings.http_host,
                http_port=settings.http_port,
                checks=consuming.checks,
            )


async def relay(settings: ServiceSettings) -> None:
    """Bring the outbox to Kafka, or delete what Debezium has brought there, until the process is told to stop."""
    from crm_shared.outbox.settings import RelaySettings

    relay_settings = RelaySettings(
        dsn=settings.worker_dsn.get_secret_value(),
        kafka=settings.kafka,
        service=settings.service,
        kind=settings.outbox_relay,
        batch_rows=settings.relay_batch_rows,
        last_idle_s=settings.relay_poll_s,
    )
    with recording(settings.service, "relay"):
        await run_relay(relay_settings, http_host=settings.http_host, http_port=settings.http_port)


async def run_relay(settings: "RelaySettings", *, http_host: str, http_port: int) -> None:
    """Relay until SIGTERM or SIGINT; then the batch under way is finished. Raises OSError when the port is taken."""
    with frozen_after_loading():
        from crm_shared.bus.process import stopping_on_signals
        from crm_shared.http.server import serving
        from crm_shared.outbox.cleaner import Cleaner
        from crm_shared.outbox.relay import Relay
        from crm_shared.telemetry.health import health_app

    relay = Cleaner(settings) if settings.kind == "debezium" else Relay(settings)
    with stopping_on_signals(relay.stop):
        async with serving(health_app({"relay": relay.check_ready}), host=http_host, port=http_port):
            await relay.run()
