"""The route class of what is read without a token: its path holds a secret, or it is for everybody.

Strict and measured as every other. Who calls, and how often they may, the endpoint itself settles.
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from crm_shared.http.address_text import require_utf8
from crm_shared.http.answering import answering
from crm_shared.http.context import ProcessContext
from crm_shared.http.query_names import list_query_names, require_known
from crm_shared.http.route import require_single


class PublicRoute(APIRoute):
    """Use as `APIRouter(route_class=PublicRoute)`, for GET and HEAD. In the document it stands without a token."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **{**more, "openapi_extra": {"security": []}})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        endpoint, known = super().get_route_handler(), list_query_names(self)

        async def serve(request: Request) -> Response:
            require_single(request)
            require_utf8(request)
            if request.scope["query_string"]:
                require_known(request, known)
            return await endpoint(request)

        return answering(self, serve)


async def _process_of(request: Request) -> ProcessContext:
    process: ProcessContext = request.app.state.process
    return process


Process = Annotated[ProcessContext, Depends(_process_of)]
"""What a public route takes, as there is no caller whose context it could be."""
