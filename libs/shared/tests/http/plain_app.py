"""An application without routes of ours: what the server by itself does is tried on it."""

from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from crm_shared.http.own_headers import leave_to_answer


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _name_headers(request: Request) -> Response:
    return PlainTextResponse(",".join(request.headers.keys()))


async def _keep(request: Request) -> Response:
    leave_to_answer(request.scope, b"cache-control")
    return PlainTextResponse("ok", headers={"Cache-Control": "private, no-cache"})


async def _flow(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65_536

    return StreamingResponse(pieces())


PLAIN_APP = Starlette(
    routes=[
        Route("/livez", lambda _request: PlainTextResponse("ok")),
        Route("/echo", _echo, methods=["POST"]),
        Route("/names", _name_headers, methods=["POST"]),
        Route("/kept", _keep),
        Route("/flow", _flow),
    ]
)
