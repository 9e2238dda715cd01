"""`/livez`, `/readyz` and `/metrics`, the same for APIs, workers and relays.

Live: the event loop turns. Ready: what this process needs answers, and it has not been told to end. A store that is
away makes a process not ready; it never makes it not live, since a restart would not bring the store back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crm_shared.json_text import to_json

Check = Callable[[], Awaitable[None]]
"""Raises when the thing it stands for does not answer."""

CHECK_TIMEOUT_S = 2.0


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is "not ready", and its type says why
        return type(error).__name__
    return "ok"


def health_routes(checks: Mapping[str, Check], leaving: asyncio.Event | None = None) -> list[Route]:
    """Make the three routes. `/readyz` runs every check at once and answers 503 with the ones that failed.

    `leaving`: set once the process was told to end. It answers on for a while, and wants no new callers.
    """

    async def livez(_request: Request) -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def readyz(_request: Request) -> Response:
        answers = await asyncio.gather(*(_ask(check) for check in checks.values()))
        states = dict(zip(checks, answers, strict=True))
        is_ready = all(state == "ok" for state in states.values())
        status = "ok" if is_ready else "not ready"
        if leaving is not None and leaving.is_set():
            status, is_ready = "draining", False
        body = to_json({"status": status, "checks": states})
        return Response(body, status_code=200 if is_ready else 503, media_type="application/json")

    async def metrics(request: Request) -> Response:
        # In the form that the asker knows: exemplars, which lead to traces, are in OpenMetrics alone.
        write, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(write(REGISTRY), media_type=media_type)

    return [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)]


def health_app(checks: Mapping[str, Check]) -> Starlette:
    """Make the small HTTP side of a worker or relay."""
    return Starlette(routes=health_routes(checks))
