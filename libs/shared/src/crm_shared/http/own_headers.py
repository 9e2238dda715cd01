"""An answer that says of itself what the server says of every other, such as whether it may be kept."""

from typing import Final

from starlette.types import Scope

SERVER_HEADERS: Final = "crm.server_headers"
"""Where a request's scope has the list of headers that the server puts before its answer's."""


def leave_to_answer(scope: Scope, name: bytes) -> None:
    """Have the server leave a header out of this request's answer: given twice, the stricter one would count.

    `name` is in lower case. Without a server, as in tests, there is nothing to leave out.
    """
    headers: list[tuple[bytes, bytes]] = scope.get(SERVER_HEADERS, [])
    headers[:] = [header for header in headers if header[0] != name]
