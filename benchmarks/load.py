"""A load generator: keep-alive connections that send prepared requests and wait for each answer.

Clients made for use (httpx, aiohttp) cost more per request than the servers measured here; this one costs little, so
that on two cores the server is what is measured.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: requests a second, and the latency in milliseconds below which half and 99 % of the answers came."""

    rate_s: float
    p50_ms: float
    p99_ms: float


def percentile(sorted_values: Sequence[float], fraction: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * fraction))]


def render(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Write one HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """Reads answers to the end that their head names: a Content-Length, or the last of their chunks."""

    def __init__(self, requests: Sequence[bytes], until_s: float, latencies_ms: list[float]) -> None:
        self._requests = requests
        self._until_s = until_s
        self._latencies_ms = latencies_ms
        self._next = 0
        self._sent_s = 0.0
        self._buffer = b""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_s = time.perf_counter()
        if self._next > 0 and self._sent_s >= self._until_s:  # one answer at least, however short the run
            self._transport.close()
            if not self.ended.done():
                self.ended.set_result(None)
            return
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end].lower()
        if not _is_whole(head, self._buffer, head_end + 4):
            return
        if not head.startswith(b"http/1.1 2"):
            self.ended.set_exception(RuntimeError(self._buffer.decode(errors="replace")[:600]))
            self._transport.close()
            return
        self._buffer = b""
        self._latencies_ms.append((time.perf_counter() - self._sent_s) * 1000)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the server closed the connection"))


def _is_whole(head: bytes, answer: bytes, body_at: int) -> bool:
    if b"transfer-encoding: chunked" in head:
        return answer.endswith(b"\r\n0\r\n\r\n")
    at = head.index(b"content-length:") + len(b"content-length:")
    length = int(head[at : head.find(b"\r\n", at) if head.find(b"\r\n", at) > 0 else None])
    return len(answer) >= body_at + length


async def run_load(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Measured:
    """Send `requests` round and round over `connections` for `seconds`. Raises RuntimeError on an answer but 2xx."""
    latencies_ms: list[float] = []
    started_s = time.perf_counter()
    loop = asyncio.get_running_loop()
    protocols = []
    for number in range(connections):
        own = [*requests[number:], *requests[:number]]
        make = partial(_Connection, own, started_s + seconds, latencies_ms)
        _, protocol = await loop.create_connection(make, "127.0.0.1", port)
        protocols.append(protocol)
    await asyncio.gather(*(protocol.ended for protocol in protocols))
    took_s = time.perf_counter() - started_s
    latencies_ms.sort()
    return Measured(len(latencies_ms) / took_s, percentile(latencies_ms, 0.5), percentile(latencies_ms, 0.99))
