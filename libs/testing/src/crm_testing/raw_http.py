"""A real server on a socket, and callers who keep no rules: what no client library would send."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from crm_shared.http.server import DrainingServer, make_server
from crm_shared.settings import ServiceSettings

NOBODYS_DSN = "postgresql://nobody@127.0.0.1:9/none"


@dataclass
class Served:
    """A server that runs in a thread of its own, on uvloop, as a process does."""

    server: DrainingServer
    port: int
    sockets: list[socket.socket] = field(default_factory=list)

    def ask_to_end(self) -> None:
        """Do as SIGTERM does; the server goes on until its clients have left."""
        self.server.should_exit = True

    def connect(self, *, receive_buffer_bytes: int | None = None) -> socket.socket:
        """Open a connection; it is closed with the server."""
        connection = socket.socket()
        if receive_buffer_bytes is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", self.port))
        self.sockets.append(connection)
        return connection

    def ask(self, request: bytes) -> bytes:
        """Send these bytes on a connection of their own; give all that comes until the server closes it."""
        connection = self.connect()
        send(connection, request)
        return read_to_end(connection)


def send(connection: socket.socket, data: bytes) -> None:
    """Send as much as the server takes: it may have closed meanwhile."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(data)


def read_to_end(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection; TimeoutError if it does not."""
    pieces = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            pieces.append(piece)
    return b"".join(pieces)


def status_of(answer: bytes) -> int:
    """Return the status of an answer's first line; 0 for none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def edge_settings(**limits: object) -> ServiceSettings:
    """Return settings of a service that is nothing but an edge."""
    dsns = dict.fromkeys(("dsn", "worker_dsn", "owner_dsn"), NOBODYS_DSN)
    return ServiceSettings.model_validate({"service": "things", **dsns, **limits})


@contextlib.contextmanager
def serving_on_socket(app: ASGIApp, settings: ServiceSettings) -> Iterator[Served]:
    """Run the server that `crm-<service> api` runs, with these settings on a free port, while in the block."""
    settings = settings.model_copy(update={"http_port": 0})
    server = make_server(app, settings, asyncio.Event())
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up_at_s = time.monotonic() + 20
    while not server.started and time.monotonic() < give_up_at_s:
        time.sleep(0.01)
    served = Served(server, server.servers[0].sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        for connection in served.sockets:
            connection.close()
        served.ask_to_end()
        thread.join(timeout=20)
        assert not thread.is_alive()
