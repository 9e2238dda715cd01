"""Takes a file of any size in as multipart/form-data: piece by piece, never whole in memory."""

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from crm_shared.http.context import RequestContext
from crm_shared.http.route import CrmRoute
from crm_shared.refusals import InvalidField, MalformedRequest, TooLarge, UnsupportedType, escape
from crm_shared.text import to_nfc

MAX_FIELDS: Final = 20
MAX_FIELD_BYTES: Final = 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
FILE_FIELD: Final = "file"


class FileSink(Protocol):
    """Where the file goes while it arrives."""

    async def store(self, piece: bytes) -> None:
        """Take the next piece: PIECE_BYTES, but for the last."""
        ...

    async def discard(self) -> None:
        """Forget what was stored: the request was refused, or repeats one."""
        ...


@dataclass(slots=True)
class Upload:
    """What came: the text fields by name, and the file, in its sink. `is_kept`: set it once the file is to stay."""

    sink: FileSink
    limit_bytes: int
    fields: dict[str, str] = field(default_factory=dict)
    file_name: str | None = None
    file_bytes: int = 0
    is_kept: bool = False
    _buffer: bytearray = field(default_factory=bytearray)

    async def add_to_file(self, data: bytes) -> None:
        self.file_bytes += len(data)
        if self.file_bytes > self.limit_bytes:
            raise TooLarge(f"The file may have {self.limit_bytes} bytes at most.")
        self._buffer += data
        while len(self._buffer) >= PIECE_BYTES:
            await self.sink.store(bytes(self._buffer[:PIECE_BYTES]))
            del self._buffer[:PIECE_BYTES]

    async def end_file(self) -> None:
        if self._buffer:
            await self.sink.store(bytes(self._buffer))
            self._buffer.clear()


def require_upload(request: Request) -> Upload:
    """Return what the route has taken in."""
    upload: Upload = request.state.upload
    return upload


class UploadRoute(CrmRoute):
    """A POST that takes one file in the part `file`, and text fields named in `text_fields`.

    A service's subclass gives the sink and the limit. What an Idempotency-Key compares are the fields and the file,
    not the body: each try has another boundary.
    """

    text_fields: ClassVar[Sequence[str]] = ()

    @classmethod
    def open_sink(cls, context: RequestContext) -> tuple[FileSink, int]:
        """Return where this request's file goes, and how many bytes it may have."""
        raise NotImplementedError

    @classmethod
    async def read_body(cls, context: RequestContext) -> bytes:
        request = context.request
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise UnsupportedType("Send the file as multipart/form-data.")
        upload = Upload(*cls.open_sink(context))
        request.state.upload = upload
        stated = request.headers.get("content-length", "")
        if stated.isdigit() and int(stated) > upload.limit_bytes + MAX_FIELDS * MAX_FIELD_BYTES:
            raise TooLarge(f"The file may have {upload.limit_bytes} bytes at most.")
        return await _PartReader(upload, frozenset(cls.text_fields)).read(request, boundary)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_upload(request: Request) -> Response:
            try:
                return await handle(request)
            finally:
                upload: Upload | None = getattr(request.state, "upload", None)
                if upload is not None and not upload.is_kept:
                    await upload.sink.discard()

        return handle_upload


class _PartReader:
    """Brings the parts of one body where they belong. The parser calls back; what is to be awaited is done after."""

    def __init__(self, upload: Upload, text_fields: frozenset[str]) -> None:
        self._upload = upload
        self._text_fields = text_fields
        self._events: list[tuple[str, bytes]] = []
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._text = bytearray()
        self._digest = hashlib.sha256()
        self._has_file = False
        self._ended = False

    async def read(self, request: Request, boundary: bytes) -> bytes:
        """Read the whole body; give a digest of what it said."""

        def on(name: str) -> Callable[[], None]:
            return lambda: self._events.append((name, b""))

        def on_data(name: str) -> Callable[[bytes, int, int], None]:
            return lambda data, start, end: self._events.append((name, data[start:end]))

        names = ("part_begin", "part_end", "header_end", "headers_finished", "end")
        data_names = ("part_data", "header_field", "header_value")
        callbacks: Any = {f"on_{name}": on(name) for name in names}
        callbacks |= {f"on_{name}": on_data(name) for name in data_names}
        try:
            parser = MultipartParser(boundary, callbacks)  # which refuses a boundary that is too long
            async for chunk in request.stream():
                parser.write(chunk)
                await self._take_events()
            parser.finalize()
        except FormParserError:
            raise MalformedRequest("The body is not valid multipart/form-data.") from None
        except ClientDisconnect:
            raise MalformedRequest("The request ended before its body did.") from None
        if not self._ended:
            raise MalformedRequest("The body ends before its last part does.")
        return self._digest.digest()

    async def _take_events(self) -> None:
        events, self._events = self._events, []
        for event, data in events:
            match event:
                case "part_data":
                    await self._add_data(data)
                case "header_field":
                    self._header += data
                case "header_value":
                    self._value += data
                case "header_end":
                    self._end_header()
                case "headers_finished":
                    self._begin_part()
                case "part_end":
                    await self._end_part()
                case "part_begin":
                    self._disposition = b""
                case "end":
                    self._ended = True

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _begin_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._digest.update(b"\x00" + self._name.encode() + b"\x00")
        self._text.clear()
        if self._name == FILE_FIELD:
            if self._has_file:
                raise InvalidField.at("/file", "is given more than once")
            self._has_file = True
            file_name = options.get(b"filename", b"").decode("utf-8", "replace").rpartition("\\")[2].rpartition("/")[2]
            self._upload.file_name = to_nfc(file_name)
            self._digest.update(file_name.encode() + b"\x00")
        elif self._name not in self._text_fields:
            raise InvalidField.at("/" + escape(self._name), "is not a known field")
        elif self._name in self._upload.fields:
            raise InvalidField.at("/" + escape(self._name), "is given more than once")

    async def _add_data(self, data: bytes) -> None:
        if self._name == FILE_FIELD:
            self._digest.update(data)
            await self._upload.add_to_file(data)
            return
        self._text += data
        if len(self._text) > MAX_FIELD_BYTES:
            raise InvalidField.at("/" + self._name, f"takes {MAX_FIELD_BYTES} bytes at most")

    async def _end_part(self) -> None:
        if self._name == FILE_FIELD:
            await self._upload.end_file()
            return
        self._digest.update(self._text)
        try:
            text = self._text.decode()
        except UnicodeDecodeError:
            raise InvalidField.at("/" + self._name, "is not UTF-8") from None
        if "\x00" in text:
            raise InvalidField.at("/" + self._name, "holds a character that can't be stored")
        self._upload.fields[self._name] = to_nfc(text)
