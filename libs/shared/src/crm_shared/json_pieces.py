"""JSON of any length, written in pieces, each in a turn of the event loop.

A page of 200 activities may be sixty megabytes. pydantic writes JSON in one go, and lets no thread of the process run
meanwhile: beside the loop it would hold it up all the same.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from crm_shared.event_loop_turns import next_turn
from crm_shared.json_text import JsonText, to_json

PIECE_BYTES: Final = 131_072
"""What is written without letting others have the event loop: a millisecond's work. One record may be longer."""

PAGE_LEVELS: Final = 2
"""An object with a list: the list's items are written one by one."""


async def write_json(value: Any, *, levels: int = PAGE_LEVELS) -> list[bytes]:
    """Return the pieces of `value`'s text. `levels`: how deep its long lists stand, lists and objects counted alike."""
    return [piece async for piece in _write(value, levels)]


async def _write(value: Any, levels: int) -> AsyncIterator[bytes]:
    """Yield the text of `value`: all of it but the last are PIECE_BYTES and more. The first is written at once."""
    parts: list[bytes] = []
    size = 0
    for part in _list_parts(value, levels):
        parts.append(part)
        size += len(part)
        if size >= PIECE_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
            await next_turn()
    yield b"".join(parts)


def _list_parts(value: object, levels: int) -> Iterator[bytes]:
    """Yield the parts of `value`'s text, each written when it is asked for; what is JSON already stays as it is."""
    if levels == 0 or isinstance(value, JsonText) or not isinstance(value, dict | list | tuple):
        yield _write_whole(value)
    elif isinstance(value, dict):
        yield b"{"
        for number, (name, held) in enumerate(value.items()):
            yield (b"," if number else b"") + to_json(name) + b":"
            yield from _list_parts(held, levels - 1)
        yield b"}"
    elif levels == 1:  # most of a long answer: each item is one part, with what stands before it
        before = b"["
        for item in value:
            yield before + _write_whole(item)
            before = b","
        yield b"]" if value else b"[]"
    else:
        yield b"["
        for number, item in enumerate(value):
            if number:
                yield b","
            yield from _list_parts(item, levels - 1)
        yield b"]"


def _write_whole(value: object) -> bytes:
    return value if isinstance(value, JsonText) else to_json(value)
