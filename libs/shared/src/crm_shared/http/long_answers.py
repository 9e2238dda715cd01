"""Answers of many megabytes, sent in the pieces that they were written in."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from crm_shared.event_loop_turns import next_turn

JSON: Final = "application/json"


class LongAnswer(Response):
    """Sends its pieces one by one: neither time nor memory goes into joining them. Its `body` is empty."""

    media_type = JSON

    def __init__(self, pieces: Sequence[bytes], *, headers: Mapping[str, str]) -> None:
        self._pieces = pieces
        super().__init__(headers={"Content-Length": str(sum(map(len, pieces))), **headers})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - of every response
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for piece in self._pieces:
            await next_turn()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
