"""Reads a JSON body: size, type and text are checked before any model sees it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any, Final, NoReturn, ParamSpec, TypeVar

from starlette.requests import ClientDisconnect, Request

from crm_shared.refusals import FieldProblem, InvalidField, MalformedRequest, TooLarge, UnsupportedType, escape
from crm_shared.text import is_storable, to_nfc

MAX_DEPTH = 64
"""pydantic-core writes and reads jsonb 200 levels deep at most; nobody's record needs as many."""

MAX_INTEGER_DIGITS = 1000
"""Longer ones become Decimal: Python refuses to read an int of more than 4,300 digits, as if it were no JSON."""

IN_A_THREAD_BYTES: Final = 32_768
"""What is longer is read beside the event loop: eight megabytes of the dearest JSON take over a second."""

_READER: Final = ThreadPoolExecutor(1, thread_name_prefix="bodies")
"""One thread for all bodies: several would take the interpreter from the event loop in turns, and be done no sooner."""

Taken = ParamSpec("Taken")
Given = TypeVar("Given")

MAX_CONTAINERS: Final = 200_000
"""Python reads an array or an object in one go, whatever thread it is in: so many hold up the others for 40 ms."""

MAX_NAMES: Final = 2_000
"""Of one object. Each that is not known is a line of the refusal."""

MAX_NFC_CHARS: Final = 100_000
"""Longer than any field takes, whose model refuses it. Python brings a text to NFC in one go: these in 30 ms."""


async def read_json_body(request: Request, *, limit_bytes: int, items: str | None = None) -> bytes:
    """Read the body within `limit_bytes` and keep its JSON on the request: numbers exact, all text in Unicode NFC.

    Raises TooLarge, UnsupportedType, MalformedRequest, or InvalidField for text that PostgreSQL can't hold. `items`
    names the field whose values are looked at by `require_storable`, each by itself: one must not refuse the others.
    """
    body = await _read_within(request, limit_bytes)
    if not body:
        return body
    _require_json(request)
    if len(body) > IN_A_THREAD_BYTES:
        parsed, is_suspect = await beside_the_loop(_read_json, body, items)
    else:
        parsed, is_suspect = _read_json(body, items)
    request.state.may_hold_unstorable = is_suspect
    request._json = parsed  # noqa: SLF001 - where Starlette keeps it: FastAPI's own `request.json()` finds it there
    return body


async def beside_the_loop(look: Callable[Taken, Given], *args: Taken.args, **named: Taken.kwargs) -> Given:
    """Look at a long body, or at a part of one, after those who came before."""
    return await asyncio.get_running_loop().run_in_executor(_READER, partial(look, *args, **named))


def may_hold_unstorable(request: Request) -> bool:
    """Return whether the items of the body are to be looked at by `require_storable`."""
    return getattr(request.state, "may_hold_unstorable", False)


def _read_json(body: bytes, items: str | None) -> tuple[Any, bool]:
    """Return the JSON, and whether anything in it may be no text for PostgreSQL."""
    containers = body.count(b"[") + body.count(b"{")
    if containers > MAX_CONTAINERS:
        raise MalformedRequest(f"The body holds more than {MAX_CONTAINERS} brackets.")
    try:
        # Decoded here: json.loads would guess at UTF-16 and let half surrogates through.
        text = body.decode("utf-8")
        parsed = _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise MalformedRequest("The body is not valid JSON.") from None
    if containers > MAX_DEPTH and _is_deeper(parsed, MAX_DEPTH):
        raise MalformedRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
    if body.count(b":") > MAX_NAMES and _is_wider(parsed, MAX_NAMES):
        raise MalformedRequest(f"An object of the body has more than {MAX_NAMES} names.")
    is_suspect = rb"\u0000" in body or rb"\ud" in body.lower()  # rare, so only then each text is looked at
    if is_suspect:
        apart = items is not None and isinstance(parsed, dict) and isinstance(parsed.get(items), list)
        require_storable({**parsed, items: []} if apart else parsed)
    return (parsed if text.isascii() and rb"\u" not in body else _to_nfc(parsed)), is_suspect


def require_storable(value: Any) -> None:
    """Raise InvalidField, naming each place, where JSON holds text that PostgreSQL can't hold."""
    wrong = [FieldProblem(pointer, "holds a character that can't be stored") for pointer in _unstorable(value, "")]
    if wrong:
        raise InvalidField("The text holds NUL or half a surrogate pair.", errors=wrong)


def _require_json(request: Request) -> None:
    """Raise UnsupportedType for a body that its headers give out as something else than JSON in UTF-8."""
    essence, _, parameters = request.headers.get("content-type", "").partition(";")
    named = [
        value.strip(' "').lower()
        for name, _, value in (part.partition("=") for part in parameters.split(";"))
        if name.strip().lower() == "charset"
    ]
    if essence.strip().lower() != "application/json" or not set(named) <= {"utf-8", "utf8", "us-ascii"}:
        raise UnsupportedType("Send the body as application/json, in UTF-8.")
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedType("Send the body as it is, without a Content-Encoding.")


def has_fields(request: Request) -> bool:
    """Return whether JSON came, were it `null`."""
    return hasattr(request, "_json")


def read_fields(request: Request) -> Any:
    """Return the JSON that `read_json_body` has kept; None where no JSON came."""
    return getattr(request, "_json", None)


def keep_fields(request: Request, fields: Any) -> None:
    """Have `read_fields`, and FastAPI, find other JSON than came."""
    request._json = fields  # noqa: SLF001 - as above


def forget_body(request: Request) -> None:
    """Let go of the body and its JSON. The connection keeps the request until its next one comes, however long that is.

    Eight megabytes of lists are 200,000 objects, which a full collection of garbage would walk.
    """
    for name in ("_json", "_body"):
        vars(request).pop(name, None)


def parse_json(text: bytes) -> Any:
    """Read JSON of our own as bodies are read: numbers exact."""
    return _DECODER.decode(text.decode())


async def _read_within(request: Request, limit_bytes: int) -> bytes:
    too_large = TooLarge(f"The body may have {limit_bytes} bytes at most.")
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit_bytes:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise too_large
            chunks.append(chunk)
    except ClientDisconnect:  # nobody hears this; it is no failure of ours
        raise MalformedRequest("The request ended before its body did.") from None
    request._body = b"".join(chunks)  # noqa: SLF001 - likewise: the stream can be read once only
    return request._body  # noqa: SLF001


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        raise ValueError("the exponent is out of any range") from None


def _parse_integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MAX_INTEGER_DIGITS else Decimal(text)


_DECODER: Final = json.JSONDecoder(
    parse_float=_parse_fraction, parse_int=_parse_integer, parse_constant=_refuse_constant
)


def _is_deeper(value: Any, levels: int) -> bool:
    held = [value]
    for _ in range(levels):
        held = [
            item
            for each in held
            if isinstance(each, dict | list)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, dict | list) for each in held)


def _is_wider(value: Any, names: int) -> bool:
    held = [value] if isinstance(value, dict | list) else []
    while held:
        each = held.pop()
        if isinstance(each, dict):
            if len(each) > names:
                return True
            each = list(each.values())
        held += [item for item in each if isinstance(item, dict | list)]
    return False


def _to_nfc(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) > MAX_NFC_CHARS else to_nfc(value)
    if isinstance(value, list):
        return [_to_nfc(item) for item in value]
    return {to_nfc(key): _to_nfc(item) for key, item in value.items()} if isinstance(value, dict) else value


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
                yield pointer or "/"  # the name itself fits no answer either
            else:
                yield from _unstorable(item, f"{pointer}/{escape(key)}")
