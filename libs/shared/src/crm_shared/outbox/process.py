"""The relay as a process of its own, or what runs in its place beside Debezium: signals, HTTP side, exit."""

from crm_shared.bus.process import stopping_on_signals
from crm_shared.http.server import serving
from crm_shared.outbox.cleaner import Cleaner
from crm_shared.outbox.relay import Relay
from crm_shared.outbox.settings import RelaySettings
from crm_shared.telemetry.health import health_app


async def run_relay(settings: RelaySettings, *, http_host: str, http_port: int) -> None:
    """Relay until SIGTERM or SIGINT; then the batch under way is finished. Raises OSError when the port is taken."""
    relay = Cleaner(settings) if settings.kind == "debezium" else Relay(settings)
    with stopping_on_signals(relay.stop):
        async with serving(health_app({"relay": relay.check_ready}), host=http_host, port=http_port):
            await relay.run()
