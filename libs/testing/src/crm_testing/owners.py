"""Stands in for the APIs of contacts and deals: a real HTTP server that knows the records a test gave it."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from uuid import UUID

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from crm_shared.contracts import Event
from crm_shared.features.replicas.owner_api import COLLECTIONS
from crm_shared.http.server import serving


@dataclass
class OwnerStandIn:
    """Answers `GET /v1/<collection>/<id>` to whom `show` has named, 404 to everybody else, 503 while `is_away`."""

    url: str
    is_away: bool = False
    asked: list[str] = field(default_factory=list)
    _shown: dict[str, tuple[frozenset[UUID], Mapping[str, Any]]] = field(default_factory=dict)

    def show(self, event: Event, *viewer_ids: UUID) -> None:
        """Let these users see the record that `event` tells of."""
        path = f"/v1/{COLLECTIONS[event.aggregate]}/{event.aggregate_id}"
        self._shown[path] = (frozenset(viewer_ids), event.state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await self._answer(request)(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        if self.is_away:
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        _, _, token = request.headers["authorization"].partition(" ")
        viewer_id = UUID(jwt.decode(token, options={"verify_signature": False})["sub"])
        viewer_ids, state = self._shown.get(request.url.path, (frozenset(), {}))
        if viewer_id not in viewer_ids:
            return Response(status_code=HTTPStatus.NOT_FOUND)
        return JSONResponse(state)


@asynccontextmanager
async def standing_in() -> AsyncIterator[OwnerStandIn]:
    """Serve a stand-in on a free port: hand its `url` to the service as `contacts_url` and `deals_url`."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    owner = OwnerStandIn(f"http://127.0.0.1:{port}")
    async with serving(owner, host="127.0.0.1", port=port):
        yield owner
