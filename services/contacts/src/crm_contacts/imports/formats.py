"""What kind of text a file is: its encoding and its delimiter. Pure."""

import codecs
import csv
from dataclasses import dataclass, field
from typing import Final

from crm_shared.refusals import InvalidField
from crm_shared.text import to_nfc

DELIMITERS: Final = (",", ";", "\t", "|")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MAX_COLUMNS: Final = 1000
MAX_CELL_CHARACTERS: Final = 131_072
"""Longer ones are taken for a quote that was never closed. No field of ours takes as many."""
_UNLIKELY_CONTROLS: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D, 0x0C, 0x1A, 0x1B})


@dataclass(slots=True)
class EncodingDetector:
    """Finds a file's encoding while it passes by: `feed` each piece in order, then ask `result`.

    A mark at the beginning decides. Without one it is UTF-8 if all of it is, UTF-16 if every other byte of its
    beginning is zero, else Windows-1252, which is what spreadsheets in Western Europe and America write.
    A guess by letter frequencies would also name other code pages, and be wrong on the short texts of a contact
    list; whoever has such a file names its encoding.
    """

    _mark: str | None = field(default=None, init=False)
    _begun: bool = field(default=False, init=False)
    _utf8: codecs.IncrementalDecoder | None = field(default=None, init=False)
    _has_nul: bool = field(default=False, init=False)
    _controls: int = field(default=0, init=False)
    _wide: str | None = field(default=None, init=False)

    def feed(self, piece: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._mark = next((name for mark, name in _MARKS if piece.startswith(mark)), None)
            self._wide = _find_wide(piece[:4096])
            self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._has_nul = self._has_nul or b"\x00" in piece
        self._controls += len(piece) - len(piece.translate(None, _UNLIKELY_CONTROLS))
        if self._utf8 is not None:
            try:
                self._utf8.decode(piece)
            except UnicodeDecodeError:
                self._utf8 = None

    def result(self) -> str:
        """Name the encoding as Python does. Raises InvalidField at /file for what is no text."""
        if self._mark is not None or self._wide is not None:
            return self._mark or self._wide or ""
        if self._utf8 is not None and _is_whole(self._utf8):
            return "utf-8"
        if self._has_nul or self._controls:
            raise InvalidField.at("/file", "is not a text file")
        return "cp1252"


def _is_whole(decoder: codecs.IncrementalDecoder) -> bool:
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _find_wide(beginning: bytes) -> str | None:
    """Recognise UTF-16 without a mark: Latin letters, digits and separators have a zero for their other half."""
    if len(beginning) < len("a\n") * 2:
        return None
    even, odd = beginning[0::2], beginning[1::2]
    if odd.count(0) > 0.7 * len(odd) and not even.count(0):
        return "utf-16-le"
    if even.count(0) > 0.7 * len(even) and not odd.count(0):
        return "utf-16-be"
    return None


def require_encoding(name: str) -> str:
    """Give the codec's name for one that the caller states. Raises InvalidField for what is no text encoding."""
    try:
        codec = codecs.lookup(name)
    except LookupError:
        raise InvalidField.at("/encoding", "is not a known encoding, such as utf-8 or windows-1252") from None
    if not codec._is_text_encoding or codec.name.replace("-", "_") in _NOT_OF_FILES:  # noqa: SLF001 - what bytes.decode itself asks
        raise InvalidField.at("/encoding", "is not an encoding of text")
    return codec.name


def choose_encoding(stated: str | None, detected: EncodingDetector) -> str:
    """Return the codec's name for the file. A stated UTF-16 leaves open which half comes first: the file tells.

    Raises InvalidField at /file for what is no text, at /encoding for a file that is not in UTF-16 as stated.
    """
    if stated is not None and stated != "utf-16":
        return stated
    found = detected.result()
    if stated is not None and not found.startswith("utf-16"):
        raise InvalidField.at("/encoding", "is not the file's: state utf-16-le or utf-16-be, or none")
    return found


_NOT_OF_FILES: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs"})


def require_delimiter(text: str) -> str:
    """Give the delimiter that the caller states; `tab` names the tab. Raises InvalidField."""
    delimiter = {"tab": "\t"}.get(text.lower(), text)
    if delimiter not in DELIMITERS:
        raise InvalidField.at("/delimiter", "takes one of , ; | and tab")
    return delimiter


def sniff_delimiter(header: str) -> str:
    """Choose the delimiter that parts the header into most columns; a comma where none does."""
    counts = {delimiter: len(next(csv.reader([header], delimiter=delimiter), [])) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def read_header(beginning: bytes, encoding: str, delimiter: str | None) -> tuple[list[str], str]:
    """Give the header's cells and the delimiter. `beginning`: the file's first piece.

    Raises InvalidField at /file when there is no header or it can't be read.
    """
    text = beginning.decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = [line for line in text.splitlines(keepends=True)[:100] if line.strip()]
    if not lines:
        raise InvalidField.at("/file", "is empty")
    if "\x00" in lines[0]:
        raise InvalidField.at("/file", "is not a text file")
    try:
        chosen = delimiter or sniff_delimiter(lines[0])
        cells = next(csv.reader(lines, delimiter=chosen))
    except csv.Error as error:
        raise InvalidField.at("/file", f"has a header that can't be read: {error}") from None
    while cells and not cells[-1].strip():
        cells.pop()
    if not cells:
        raise InvalidField.at("/file", "has no header")
    if len(cells) > MAX_COLUMNS:
        raise InvalidField.at("/file", f"has {len(cells)} columns; {MAX_COLUMNS} are read at most")
    return [to_nfc(cell.strip()) for cell in cells], chosen
