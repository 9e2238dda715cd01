"""Reads a JSON body: size, type and text are checked before any model sees it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from starlette.requests import Request

from crm_shared.refusals import FieldProblem, InvalidField, MalformedRequest, TooLarge, UnsupportedType


async def read_json_body(request: Request, *, limit_bytes: int) -> bytes:
    """Read the body within `limit_bytes` and keep its JSON on the request, numbers exact.

    Raises TooLarge, UnsupportedType, MalformedRequest, or InvalidField for text that PostgreSQL can't hold.
    """
    body = await _read_within(request, limit_bytes)
    if not body:
        return body
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedType("Send the body as application/json.")
    try:
        parsed = json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not valid JSON.") from None
    if rb"\u0000" in body or rb"\ud" in body.lower():  # rare, so only then the walk
        wrong = [FieldProblem(pointer, "holds a character that can't be stored") for pointer in _unstorable(parsed, "")]
        if wrong:
            raise InvalidField("The text holds NUL or half a surrogate pair.", errors=wrong)
    request._json = parsed  # noqa: SLF001 - where Starlette keeps it: FastAPI's own `request.json()` finds it there
    return body


async def _read_within(request: Request, limit_bytes: int) -> bytes:
    too_large = TooLarge(f"The body may have {limit_bytes} bytes at most.")
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise too_large
        chunks.append(chunk)
    request._body = b"".join(chunks)  # noqa: SLF001 - likewise: the stream can be read once only
    return request._body  # noqa: SLF001


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def is_storable(text: str) -> bool:
    """Can PostgreSQL hold this text? NUL and lone surrogates it can't."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _unstorable(value: Any, pointer: str) -> Iterator[str]:
    if isinstance(value, str):
        if not is_storable(value):
            yield pointer
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not is_storable(key):
                yield pointer or "/"
            yield from _unstorable(item, f"{pointer}/{key}")
