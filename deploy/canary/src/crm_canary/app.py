"""The canary's own HTTP: health, metrics, and the endpoint that webhooks come to."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from crm_canary.receiver import Receiver
from crm_canary.rounds import Canary

MAX_BODY_BYTES: Final = 1024 * 1024
HOOK: Final = "/hook"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]
Answer = tuple[HTTPStatus, bytes]


class CanaryApp:
    """An ASGI application of four paths. The canary lives as long as it does."""

    def __init__(self, canary: Canary, receiver: Receiver | None, *, close: Callable[[], Awaitable[None]]) -> None:
        self._canary = canary
        self._receiver = receiver
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._answer(scope, receive)
            content_type = CONTENT_TYPE_LATEST if scope["path"] == "/metrics" else "text/plain; charset=utf-8"
            headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": int(status), "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        moving = asyncio.create_task(self._canary.run())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        match scope["method"], scope["path"]:
            # The suite being away is what it is there to see: it is ready all the same.
            case "GET", "/livez" | "/readyz":
                stuck = self._canary.is_stuck
                return (HTTPStatus.SERVICE_UNAVAILABLE, b"stuck\n") if stuck else (HTTPStatus.OK, b"ok\n")
            case "GET", "/metrics":
                return HTTPStatus.OK, generate_latest()
            case "POST", path if path == HOOK and self._receiver is not None:
                return await self._take(self._receiver, scope, receive)
        return HTTPStatus.NOT_FOUND, b"there are /livez, /readyz, /metrics\n"

    async def _take(self, receiver: Receiver, scope: Scope, receive: Receive) -> Answer:
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"too large\n"
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        is_taken = receiver.take(headers, bytes(body))
        return (HTTPStatus.NO_CONTENT, b"") if is_taken else (HTTPStatus.UNAUTHORIZED, b"not signed\n")
