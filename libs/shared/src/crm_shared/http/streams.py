"""Answers that go on for a while: whoever is shut out, or sees other records than at the beginning, gets no more.

Such an answer ends without the last chunk of its encoding, so that its reader can tell that it is not whole.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Final

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Send

from crm_shared.access.caller import Caller
from crm_shared.access.directory import list_visible_owners
from crm_shared.http.context import RequestContext
from crm_shared.refusals import Forbidden, Refusal
from crm_shared.telemetry.metrics import STREAMS_CUT

logger = structlog.get_logger(__name__)

_END: Final = b""


class CheckedStream(StreamingResponse):
    """Streams `pages`, asking before each who the caller is now. A page that takes too long to read ends it too."""

    def __init__(
        self, context: RequestContext, pages: AsyncIterator[bytes], *, media_type: str, headers: Mapping[str, str]
    ) -> None:
        super().__init__(_check(context, pages), media_type=media_type, headers=dict(headers))

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except (Refusal, TimeoutError) as error:  # the server ends the connection of an answer that is not completed
            STREAMS_CUT.labels(type(error).__name__).inc()
            logger.warning("stream_cut", reason=type(error).__name__)


async def _check(context: RequestContext, pages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    deadline_s = context.process.settings.http_stream_page_deadline_s
    authorization = context.request.headers.get("authorization")
    visibility = await _read_visibility(context, context.caller)
    while True:
        async with asyncio.timeout(deadline_s):
            page = await anext(pages, _END)
            caller = await context.process.sign_in.identify(authorization)
            if await _read_visibility(context, caller) != visibility:
                raise Forbidden("The caller's role, or whose records they see, has changed.")
        if not page:
            return
        yield page


async def _read_visibility(context: RequestContext, caller: Caller) -> object:
    async with context.database.read(caller.tenant_id) as connection:
        owners = await list_visible_owners(connection, caller)
    return caller.role, caller.has_shares, None if owners is None else frozenset(owners)
