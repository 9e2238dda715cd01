"""The text of a request's path and query: valid UTF-8, in one form, before anything is looked for by it."""

from urllib.parse import unquote_to_bytes, urlencode

from starlette.requests import Request

from crm_shared.refusals import InvalidField
from crm_shared.text import to_nfc


def require_utf8(request: Request) -> None:
    """Raise InvalidField for an address whose bytes are no UTF-8: read leniently, different ones would be one."""
    for part, pointer in (("raw_path", "path"), ("query_string", "?")):
        raw = request.scope.get(part) or b""
        try:
            if b"%" in raw or not raw.isascii():
                unquote_to_bytes(raw).decode()
        except UnicodeDecodeError:
            raise InvalidField.at(pointer, "is not percent-encoded UTF-8") from None


def to_one_text(request: Request) -> Request:
    """Return the request with the text of its path and query in Unicode NFC, as bodies have it."""
    scope = request.scope
    scope["path_params"] = {
        name: to_nfc(value) if isinstance(value, str) else value for name, value in scope["path_params"].items()
    }
    if b"%" not in scope["query_string"]:  # what is not ASCII stands there as its bytes
        return request
    given = request.query_params.multi_items()
    wanted = [(to_nfc(name), to_nfc(value)) for name, value in given]
    if wanted == given:
        return request
    scope["query_string"] = urlencode(wanted, errors="surrogatepass").encode()
    return Request(scope, request.receive)
