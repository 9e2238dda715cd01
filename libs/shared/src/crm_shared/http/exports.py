"""Answers that are a CSV file of a whole list, read page by page: neither much memory nor a long transaction."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from crm_shared.event_loop_turns import next_turn, to_pieces
from crm_shared.http.context import RequestContext
from crm_shared.http.streams import CheckedStream
from crm_shared.refusals import FieldProblem, InvalidField
from crm_shared.spreadsheets import CSV_TYPE, PIECE_CHARS, PIECE_ROWS, attachment, count_chars, write_rows

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""By which Excel knows that a file is UTF-8."""

EXPORT_ANSWER: Final[Mapping[int | str, dict[str, Any]]] = {
    200: {"content": {CSV_TYPE: {"schema": {"type": "string"}}}, "description": "all that the filters leave"}
}


class ExportOptions(BaseModel):
    """What an export takes beside its list's filters."""

    fields: Annotated[
        tuple[Annotated[str, Field(max_length=1000)], ...],
        Field(max_length=50, description="the columns, by commas or repeated; default all"),
    ] = ()
    excel: Annotated[bool, Field(description="begin with a byte order mark, by which Excel knows UTF-8")] = False


Lines = tuple[Sequence[Sequence[object]], str | None]
"""The cells of one page, and the cursor of the next; None after the last."""

ReadLines = Callable[[str | None], Awaitable[Lines]]
"""Reads the page after a cursor, None for the first."""


def require_whole(query: BaseModel) -> None:
    """Raise InvalidField for a list's parameters that name a page of it."""
    wrong = [
        FieldProblem(f"?{one}", "an export is whole") for one in ("limit", "cursor") if one in query.model_fields_set
    ]
    if wrong:
        raise InvalidField("An export takes neither limit nor cursor.", errors=wrong)


def choose_fields(named: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the columns named in `fields=a,b` or `fields=a&fields=b`, in that order; all if none is named.

    Raises InvalidField for one that is not among `columns`.
    """
    chosen = list(dict.fromkeys(name.strip() for text in named for name in text.split(",")))
    unknown = next((name for name in chosen if name not in columns), None)
    if unknown is not None:
        raise InvalidField.at("?fields", f"takes some of {', '.join(columns)}")
    return chosen or list(columns)


async def reply_file(
    context: RequestContext, name: str, headers: Sequence[str], read: ReadLines, *, excel: bool = False
) -> CheckedStream:
    """Answer with `<name>.csv`. Its first page is read before: what is wrong with a filter is still a 422 then."""
    lines = _write(headers, await read(None), read, excel=excel)
    return CheckedStream(context, lines, media_type=CSV_TYPE, headers=attachment(name))


async def write_in_turns(rows: Iterable[Sequence[object]]) -> AsyncIterator[bytes]:
    """Yield the lines of `rows` in pieces, each written in a turn of the event loop; nothing where there is no row."""
    for piece in to_pieces(rows, at_once=PIECE_ROWS, weigh=count_chars, at_most=PIECE_CHARS):
        await next_turn()
        yield write_rows(piece)


async def _write(headers: Sequence[str], first: Lines, read: ReadLines, *, excel: bool) -> AsyncIterator[bytes]:
    yield (BYTE_ORDER_MARK if excel else b"") + write_rows([headers])
    lines, cursor = first
    while True:
        async for piece in write_in_turns(lines):
            yield piece
        if cursor is None:
            return
        lines, cursor = await read(cursor)
