"""Sends one delivery: the address checked and pinned, no redirects, a time limit, little read of the answer."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpcore

from crm_deals.webhooks.addresses import to_url
from crm_deals.webhooks.destinations import Destinations, LookUp, Names, Refused, UnknownHost
from crm_deals.webhooks.retry_after import read_retry_after
from crm_shared.clock import Clock

EXCERPT_BYTES = 1024
"""How much of an answer is kept; the rest is never read."""

MAX_ERROR_CHARS = 200
KEPT_CONNECTIONS = 32

_CHECKED_ADDRESS: ContextVar[str] = ContextVar("checked_address")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt: 2xx has no `error`. `status` None: no answer. `error` is in words that may be shown."""

    status: int | None
    error: str | None
    excerpt: str | None
    duration_ms: int
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        return self.error is None


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to the address that was checked, under the name that was asked for.

    Connections are kept by name: a rewritten URL would let two names at one address share one, and with it the
    certificate of the first.
    """

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name, which must not be resolved again
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return await self._inner.connect_tcp(_CHECKED_ADDRESS.get(), port, timeout, local_address, socket_options)


class Sender:
    """Holds the connections; `timeout_s` is for one whole attempt."""

    def __init__(
        self,
        destinations: Destinations,
        clock: Clock,
        *,
        timeout_s: float,
        tls: ssl.SSLContext | None = None,
        look_up: LookUp | None = None,
    ) -> None:
        self._destinations = destinations
        self._clock = clock
        self._timeout_s = timeout_s
        self._names = Names()
        self._look_up = look_up or self._names.look_up
        # No proxy: it would resolve the name again, after our look at it. No limit here: the dispatcher has them.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=None,
            max_keepalive_connections=KEPT_CONNECTIONS,
            keepalive_expiry=5.0,
            network_backend=_PinnedBackend(),
        )

    async def close(self) -> None:
        await self._pool.aclose()
        self._names.close()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST `body` once. Never raises for what the other side does, or for what its address makes us do."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(url, body, headers, started)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is this endpoint's failure and is counted
            return failed(self._explain(failure), duration_ms=_since_ms(started))

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str], started: float) -> Answer:
        url = _to_kept_form(url)
        _CHECKED_ADDRESS.set(await self._destinations.find_address(url, self._look_up))
        extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)}
        async with self._pool.stream(
            "POST", url, headers=list(headers.items()), content=body, extensions=extensions
        ) as response:
            excerpt = await _read_excerpt(response)
        waits = [value for name, value in response.headers if name.lower() == b"retry-after"]
        return Answer(
            status=response.status,
            error=_explain_status(response.status),
            excerpt=excerpt.decode("utf-8", "replace").replace("\x00", "") or None,
            duration_ms=_since_ms(started),
            retry_after_s=read_retry_after(waits[0].decode("latin-1"), now=self._clock.now()) if waits else None,
        )

    def _explain(self, failure: Exception) -> str:
        match failure:
            case TimeoutError() | httpcore.TimeoutException():
                return f"no whole answer within {self._timeout_s:g} s"
            case UnknownHost():
                return "the name can't be resolved"
            case Refused():
                return f"the URL {failure}"
            case httpcore.NetworkError() | httpcore.ProtocolError() | OSError():
                return f"no answer: {type(failure).__name__}"
            case _:
                return explain_break(failure)


def explain_break(failure: Exception) -> str:
    """Return words for what nobody expected, short enough to be shown."""
    words = f"the attempt broke off: {type(failure).__name__}: {failure}"
    return words.encode("utf-8", "replace").decode().replace("\x00", "")[:MAX_ERROR_CHARS]


def failed(error: str, *, duration_ms: int) -> Answer:
    """Return what is recorded of an attempt that got no answer."""
    return Answer(status=None, error=error, excerpt=None, duration_ms=duration_ms)


def _to_kept_form(url: str) -> str:
    """Read the URL again: one that was kept before there was one form may be in any. Raises Refused."""
    try:
        return to_url(url)
    except ValueError as error:
        raise Refused(str(error)) from None


async def _read_excerpt(response: httpcore.Response) -> bytes:
    read = b""
    async for chunk in response.aiter_stream():  # raw: a small compressed answer must not unfold into a large one
        read += chunk
        if len(read) >= EXCERPT_BYTES:
            break
    return read[:EXCERPT_BYTES]


def _explain_status(status: int) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    return f"answered {status}" + (", and redirects are not followed" if is_redirect else "")


def _since_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
