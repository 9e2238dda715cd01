"""Serves an application with uvicorn on uvloop: the one place that knows the server."""

import asyncio
import contextlib
import itertools
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import structlog
import uvicorn
from starlette.types import ASGIApp

from crm_shared.edge_settings import EdgeSettings
from crm_shared.http.connections import EdgeConfig, GuardedConnection
from crm_shared.settings import ServiceSettings
from crm_shared.telemetry.loop_lag import watching_loop

logger = structlog.get_logger(__name__)

TICK_S: Final = 0.1
"""uvicorn's own."""

TICKS_AT_ONCE: Final = 5
"""It counts ten to a second, for the header `Date`: their number has to divide that."""

DRAIN_POLL_S: Final = 0.05


class GuardedServer(uvicorn.Server):
    """uvicorn's server, which ends the connections that wait past their deadlines, and is at rest while nobody calls.

    uvicorn looks ten times a second whether it should end: half of what an idle process does.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(config)

    @property
    def should_exit(self) -> bool:
        return self._ending.is_set()

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        if not value:
            self._ending.clear()
        elif self._loop is None:
            self._ending.set()
        else:
            self._loop.call_soon_threadsafe(self._ending.set)  # by a signal as well, while the loop sleeps

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            for counter in itertools.count(step=TICKS_AT_ONCE):
                if await self.on_tick(counter):
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICKS_AT_ONCE * TICK_S):
                        await self._ending.wait()
        finally:
            self._loop = None  # it may be closed when it is asked to end once more

    async def on_tick(self, counter: int) -> bool:
        now_s = asyncio.get_running_loop().time()
        for connection in list(self.server_state.connections):
            try:
                if isinstance(connection, GuardedConnection):
                    connection.check_progress(now_s)
            except Exception:
                logger.exception("connection_check_failed")  # one connection's trouble must not end the others'
        return await super().on_tick(counter)


class DrainingServer(GuardedServer):
    """A server that parts from its clients before it ends: a connection closed while idle may carry a request by then.

    Whoever calls is answered, and told that this connection ends with the answer; the next leads to another process.
    Connections that nobody calls on are closed in the end.
    """

    def __init__(self, config: uvicorn.Config, *, drain_s: float, leaving: asyncio.Event) -> None:
        super().__init__(config)
        self._drain_s = drain_s
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._drain_s
        self._leaving.set()
        self.server_state.default_headers.append((b"connection", b"close"))
        # uvicorn sets no event when a client leaves.
        while self.server_state.connections and loop.time() < until_s and not self.force_exit:  # noqa: ASYNC110
            await asyncio.sleep(DRAIN_POLL_S)
        await super().shutdown(sockets)


class QuietServer(GuardedServer):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process: it ends its own work first and this server last."""
        yield


def make_server(app: ASGIApp, settings: ServiceSettings, leaving: asyncio.Event) -> DrainingServer:
    """Configure a server; `run()` blocks until SIGTERM or SIGINT, then lets clients go and running requests finish.

    `leaving` is set when that begins.
    """
    config = _configure(app, settings, host=settings.http_host, port=settings.http_port)
    return DrainingServer(config, drain_s=settings.http_drain_s, leaving=leaving)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, *, host: str, port: int) -> AsyncIterator[None]:
    """Answer operators beside a worker's or relay's work, and measure the loop that both share.

    Raises OSError when the port is taken.
    """
    async with serving_beside(app, EdgeSettings.model_construct(), host=host, port=port), watching_loop():
        yield


@contextlib.asynccontextmanager
async def serving_beside(app: ASGIApp, limits: EdgeSettings, *, host: str, port: int) -> AsyncIterator[None]:
    """Answer on one more port of this process and loop while in the block. Raises OSError when the port is taken."""
    server = QuietServer(_configure(app, limits, host=host, port=port, lifespan="off"))
    # Bound here: uvicorn itself would leave the process without an exception that says why.
    listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _configure(app: ASGIApp, limits: EdgeSettings, *, host: str, port: int, **more: Any) -> EdgeConfig:
    config = EdgeConfig(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=GuardedConnection,
        ws="none",  # with a library for them installed, an Upgrade header would leave the guarded protocol
        proxy_headers=bool(limits.http_trusted_proxies),
        forwarded_allow_ips=limits.http_trusted_proxies or None,
        access_log=False,  # one line a request costs more than the request; the metrics count them
        log_config=None,
        server_header=False,
        headers=_headers_of_every_answer(limits),
        timeout_graceful_shutdown=10,
        timeout_keep_alive=limits.http_keep_alive_s,
        backlog=2048,
        **more,
    )
    config.limits = limits
    config.open_by_network = Counter()
    return config


def _headers_of_every_answer(limits: EdgeSettings) -> list[tuple[str, str]]:
    """Return what every answer says, problems, streams and refusals included: that it is for its caller alone."""
    headers = [("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
    if limits.http_hsts_max_age_s:
        headers.append(("strict-transport-security", f"max-age={limits.http_hsts_max_age_s}; includeSubDomains"))
    return headers
