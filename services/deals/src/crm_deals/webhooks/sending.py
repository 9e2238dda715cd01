"""Sends one delivery: the address checked and pinned, no redirects, a time limit, little read of the answer."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from crm_deals.webhooks.addresses import PrivateAddress, UnknownHost, resolve

EXCERPT_BYTES = 1024
"""How much of an answer is kept; the rest is never read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one attempt. `status` None: no answer, and `error` says why in words that may be shown."""

    status: int | None
    error: str | None
    excerpt: str | None
    duration_ms: int
    retry_after_s: int | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and httpx.codes.is_success(self.status)


class Sender:
    """Holds the connections; `timeout_s` is for one whole attempt."""

    def __init__(self, *, timeout_s: float, allow_private: bool, tls: ssl.SSLContext | None = None) -> None:
        self._timeout_s = timeout_s
        self._allow_private = allow_private
        self._client = httpx.AsyncClient(
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,  # a proxy would resolve the name again, after our look at it
            verify=tls or ssl.create_default_context(),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST `body` once. Never raises for what the other side does."""
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout_s):
                status, retry_after_s, excerpt = await self._exchange(await self._build(url, body, headers))
        except TimeoutError:
            return _failed(f"no whole answer within {self._timeout_s:g} s", started)
        except PrivateAddress:
            return _failed("the name leads to a private address", started)
        except UnknownHost:
            return _failed("the name can't be resolved", started)
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as failure:
            return _failed(f"no answer: {type(failure).__name__}", started)
        return Answer(
            status=status,
            error=None if httpx.codes.is_success(status) else _explain(status),
            excerpt=excerpt.decode("utf-8", "replace").replace("\x00", "") or None,
            duration_ms=_since_ms(started),
            retry_after_s=retry_after_s,
        )

    async def _exchange(self, request: httpx.Request) -> tuple[int, int | None, bytes]:
        response = await self._client.send(request, stream=True)
        try:
            wait = response.headers.get("retry-after", "")
            return response.status_code, int(wait) if wait.isdigit() else None, await _read_excerpt(response)
        finally:
            await response.aclose()

    async def _build(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Request:
        """Aim at the address that was checked, under the name that was asked for."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = await resolve(host, port, allow_private=self._allow_private)
        pinned = httpx.URL(url).copy_with(host=address)
        return self._client.build_request(
            "POST",
            pinned,
            content=body,
            headers={**headers, "host": parts.netloc},
            extensions={"sni_hostname": host},
        )


async def _read_excerpt(response: httpx.Response) -> bytes:
    read = b""
    async for chunk in response.aiter_raw():  # raw: a small compressed answer must not unfold into a large one
        read += chunk
        if len(read) >= EXCERPT_BYTES:
            break
    return read[:EXCERPT_BYTES]


def _explain(status: int) -> str:
    return f"answered {status}" + (", and redirects are not followed" if httpx.codes.is_redirect(status) else "")


def _failed(error: str, started: float) -> Answer:
    return Answer(status=None, error=error, excerpt=None, duration_ms=_since_ms(started))


def _since_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
