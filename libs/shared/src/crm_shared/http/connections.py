"""One connection of a client who may be anybody: how much of it is read, and how long it is waited for.

uvicorn and httptools set no limits: a header of 64 MB would be read whole, in copies that grow with their square, and
a request that never ends would be waited for without end. The clocks are looked at by the server's own tick once in
CHECK_EVERY_TICKS, for all connections at once: a timer for each request would cost each request.
"""

import asyncio
import fcntl
import struct
import termios
from collections import Counter
from typing import Any, Final

import prometheus_client
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from crm_shared.edge_settings import EdgeSettings
from crm_shared.http.client_networks import to_client_network
from crm_shared.http.own_headers import SERVER_HEADERS
from crm_shared.http.problems import problem_response
from crm_shared.refusals import MalformedRequest, Refusal, Unavailable

LINGER_S: Final = 2.0
"""How long what a refused client still sends is read and dropped: closing at once would destroy the answer."""

CUT: Final = prometheus_client.Counter(
    "crm_http_cut_connections", "Connections ended by the server for what they cost, by status or reason", ["reason"]
)


class HeadTooLarge(Refusal):
    status, slug, title = 431, "headers-too-large", "The headers are too large"


class TooSlow(Refusal):
    status, slug, title = 408, "request-timeout", "The request came too slowly"


class EdgeConfig(uvicorn.Config):
    """uvicorn's configuration, and the limits of every connection."""

    limits: EdgeSettings
    open_by_network: Counter[str]


class GuardedConnection(HttpToolsProtocol):
    """uvicorn's protocol within the limits of `config.limits`."""

    config: EdgeConfig

    def __init__(
        self,
        config: EdgeConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._refused_at_s: float | None = None
        self._refusal: Refusal | None = None
        self._network = ""
        self._is_in_body = False
        self._unused_bytes = 0  # that came since the parser last gave anything of them
        self._head_since_s: float | None = None
        self._body_since_s = self._window_since_s = 0.0
        self._window_bytes = 0
        self._answered_since_s: float | None = None
        self._unsent_bytes = 0
        self._unsent_since_s: float | None = None

    # Opening and closing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._head_since_s = self.loop.time()
        self._network = to_client_network(self.client[0]) if self.client else ""
        limits, open_by_network = self._limits, self.config.open_by_network
        open_by_network[self._network] += 1
        of_network = limits.http_max_connections_per_address or limits.http_max_connections
        if len(self.connections) > limits.http_max_connections or open_by_network[self._network] > of_network:
            self._refuse(Unavailable("Too many connections are open.", retry_after_s=5))
            transport.close()  # without lingering: that would keep open what is too much

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        left = self.config.open_by_network
        left[self._network] -= 1
        if left[self._network] <= 0:
            del left[self._network]

    # Reading

    def data_received(self, data: bytes) -> None:
        if self._refused_at_s is not None:
            return
        if self._is_in_body:
            self._window_bytes += len(data)
        elif self._head_since_s is None:
            self._head_since_s = self.loop.time()
        self._unused_bytes += len(data)
        super().data_received(data)
        # A header that goes on, an extension of a chunk, a trailer: httptools keeps them to itself until they end.
        if self._unused_bytes > self._limits.http_max_head_bytes and self._refused_at_s is None:
            self._refuse(self._head_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_since_s is None:
            self._head_since_s = self.loop.time()

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > self._limits.http_max_head_bytes or len(self.headers) > self._limits.http_max_headers:
            self._refusal = self._head_too_large()
            raise ValueError(self._refusal.title)  # stops the parser, which has uvicorn send a 400: ours is sent then
        super().on_headers_complete()
        if self.cycle is not None:
            # This answer's own list, for what serves the path to take one out of.
            own = self.cycle.default_headers = [*self.server_state.default_headers]
            self.scope[SERVER_HEADERS] = own  # type: ignore[typeddict-unknown-key]  # a scope may hold more
        self.headers = []  # trailers come the same way, and must not pass for headers
        self._unused_bytes = 0
        self._head_since_s = None
        self._is_in_body = True
        self._body_since_s = self._window_since_s = self.loop.time()
        self._window_bytes = 0
        self._answered_since_s = None

    def on_body(self, body: bytes) -> None:
        self._unused_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unused_bytes = 0
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._head_since_s is not None:  # the next request has begun, and its head has a deadline of its own
            self._unset_keepalive_if_required()

    def resume_writing(self) -> None:
        self._unsent_since_s = None
        super().resume_writing()

    def _head_too_large(self) -> HeadTooLarge:
        limits = self._limits
        return HeadTooLarge(
            f"At most {limits.http_max_headers} headers and {limits.http_max_head_bytes} bytes before the body."
        )

    # Waiting

    def check_progress(self, now_s: float) -> None:
        """Refuse or cut the connection if it has waited past a deadline. `now_s`: the loop's time."""
        if self._refused_at_s is not None:
            if now_s - self._refused_at_s > LINGER_S:
                self.transport.abort()
            return
        if self._is_reader_stuck(now_s):
            CUT.labels("slow reader").inc()
            self._refused_at_s = now_s
            self.transport.abort()
        elif self.flow.read_paused:  # it is us who let the client wait
            self._window_since_s, self._window_bytes = now_s, 0
            if self._head_since_s is not None:
                self._head_since_s = now_s
        elif self._head_since_s is not None:
            if now_s - self._head_since_s > self._limits.http_head_deadline_s:
                self._refuse(TooSlow(f"The headers must come within {self._limits.http_head_deadline_s:g} s."))
        elif self._is_in_body:
            self._check_body(now_s)

    def _check_body(self, now_s: float) -> None:
        limits, cycle = self._limits, self.cycle
        if cycle.response_complete:  # what follows a refusal is dropped, but not for long
            if self._answered_since_s is None:
                self._answered_since_s = now_s
            elif now_s - self._answered_since_s > LINGER_S:
                self.transport.abort()
            return
        window_s = now_s - self._window_since_s
        if cycle.waiting_for_100_continue:
            self._window_since_s, self._window_bytes = now_s, 0
        elif window_s >= limits.http_body_window_s:
            if self._window_bytes < limits.http_body_min_bytes_s * window_s:
                self._refuse(TooSlow(f"A body must come with {limits.http_body_min_bytes_s} bytes a second."))
            self._window_since_s, self._window_bytes = now_s, 0
        if now_s - self._body_since_s > limits.http_body_deadline_s:
            self._refuse(TooSlow(f"A body must come within {limits.http_body_deadline_s:g} s."))

    def _is_reader_stuck(self, now_s: float) -> bool:
        """Has the client left what waits for it? Asked only while nothing is added to that."""
        is_done = self.cycle is None or self.cycle.response_complete or self.transport.is_closing()
        unsent = self.transport.get_write_buffer_size() if self.flow.write_paused or is_done else 0
        if unsent == 0:
            self._unsent_since_s = None
            return False
        unsent += _count_unacknowledged(self.transport)
        if self._unsent_since_s is None or unsent <= self._unsent_bytes - self._limits.http_write_min_bytes:
            self._unsent_since_s, self._unsent_bytes = now_s, unsent
        return now_s - self._unsent_since_s > self._limits.http_write_deadline_s

    # Refusing

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its name is uvicorn's
        """Answer what is no HTTP, in uvicorn's stead."""
        self._refuse(self._refusal or MalformedRequest("The request is not valid HTTP/1.1."))

    def _unsupported_upgrade_warning(self) -> None:
        """Go on in HTTP/1.1 without a line in the log: who asks for another protocol gets none."""

    def _refuse(self, refusal: Refusal) -> None:
        """Answer if the answer can't be taken for another request's, and end the connection."""
        if self._refused_at_s is not None:
            return
        self._refused_at_s = self.loop.time()
        CUT.labels(str(refusal.status)).inc()
        self._unset_keepalive_if_required()
        can_answer = self._can_answer()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not can_answer:
            self.transport.abort()
            return
        self.transport.write(self._render(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _can_answer(self) -> bool:
        if self.pipeline:
            return False
        if self._is_in_body:
            return not self.cycle.response_started
        return self.cycle is None or self.cycle.response_complete

    def _render(self, refusal: Refusal) -> bytes:
        response = problem_response(refusal, instance=(self.scope or {}).get("path", "/"))
        headers = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        lines = [b"%s: %s\r\n" % header for header in headers]
        return b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", bytes(response.body)])


def _count_unacknowledged(transport: asyncio.Transport) -> int:
    """Return the bytes that the kernel holds until the client has taken them: megabytes, which hide a slow pace."""
    try:
        return int(
            struct.unpack("i", fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
        )
    except OSError:  # not a socket of this system's kind, or gone
        return 0
