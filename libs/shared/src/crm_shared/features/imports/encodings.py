"""What encoding a file is in, and what is read where a byte is no letter of it. Pure."""

import codecs
import re
from dataclasses import dataclass, field
from typing import Final

from crm_shared.refusals import InvalidField

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNLIKELY_CONTROLS: Final = bytes(set(range(0x20)) - {0x09, 0x0A, 0x0D, 0x0C, 0x1A, 0x1B})
_NOT_OF_FILES: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs"})

SHOWN: Final = {"utf-8-sig": "utf-8", "cp1252": "windows-1252", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}
"""Encodings by the names that people know them by."""

# A wrong byte is read as a lone surrogate, U+DC00 and the byte: no text holds one, so it is told from all letters.
KEEPS_BYTES: Final = "crm-keeps-bytes"
_WRONG_BYTE: Final = re.compile("[\udc00-\udcff]")
_SINGLE_OR_UTF8: Final = frozenset({"utf-8", "utf-8-sig", "cp1252", "ascii"})
LOST_LETTER: Final = "\ufffd"

# Letters that the bytes of UTF-8 beyond ASCII are in Windows-1252: a first one, then those that go on.
_LOOKS_MISREAD: Final = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")


def choose_errors(encoding: str) -> str:
    """Return how to decode so that wrong bytes are kept.

    The built-in way does the same, much faster where many are wrong; it can't keep bytes below 128, of which UTF-16 and
    East Asian encodings have wrong ones.
    """
    return "surrogateescape" if encoding in _SINGLE_OR_UTF8 else KEEPS_BYTES


def _keep_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


codecs.register_error(KEEPS_BYTES, _keep_bytes)


def find_wrong_byte(text: str) -> int | None:
    """Return the first byte of a text that was no letter, None where all were."""
    found = _WRONG_BYTE.search(text)
    return None if found is None else ord(found.group()) - 0xDC00


def mark_wrong_bytes(text: str) -> str:
    """Show each wrong byte as U+FFFD, so that the text can be stored and written."""
    return _WRONG_BYTE.sub(LOST_LETTER, text)


def find_misread(text: str) -> str | None:
    """Return what the text says if it is UTF-8 that was read as Windows-1252 (`MÃ¼ller`), else None."""
    if text.isascii() or not _LOOKS_MISREAD.search(text):
        return None
    try:
        return text.encode("cp1252").decode()
    except UnicodeError:
        return None


@dataclass(slots=True)
class EncodingDetector:
    """Finds a file's encoding while it passes by: `feed` each piece in order, then ask `result`.

    A mark at the beginning decides. Without one it is UTF-8 if all of it is, or more of its letters than not; UTF-16
    if every other byte of its beginning is zero; else Windows-1252, which is what spreadsheets in Western Europe and
    America write. A guess by letter frequencies would also name other code pages, and be wrong on the short texts of
    a contact list; whoever has such a file names its encoding.
    """

    letters: int = field(default=0, init=False)
    """Of several bytes, whole in UTF-8."""
    wrong_bytes: int = field(default=0, init=False)
    """That no letter of UTF-8 is made of."""
    _mark: str | None = field(default=None, init=False)
    _utf8: codecs.IncrementalDecoder | None = field(default=None, init=False)
    _has_nul: bool = field(default=False, init=False)
    _controls: int = field(default=0, init=False)
    _wide: str | None = field(default=None, init=False)

    def feed(self, piece: bytes) -> None:
        if self._utf8 is None:
            self._mark = next((name for mark, name in _MARKS if piece.startswith(mark)), None)
            self._wide = _find_wide(piece[:4096])
            self._utf8 = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._has_nul = self._has_nul or b"\x00" in piece
        self._controls += len(piece) - len(piece.translate(None, _UNLIKELY_CONTROLS))
        self._count(self._utf8.decode(piece))

    @property
    def is_utf8(self) -> bool:
        """Return whether there are letters beyond ASCII, and all of them are those of UTF-8."""
        return self.letters > 0 and not self.wrong_bytes

    def result(self) -> str:
        """Name the encoding as Python does. Raises InvalidField at /file for what is no text."""
        if self._mark is not None or self._wide is not None:
            return self._mark or self._wide or ""
        if self._utf8 is not None:
            self._count(self._utf8.decode(b"", final=True))
        if not self.wrong_bytes:
            return "utf-8"
        if self._has_nul or self._controls:
            raise InvalidField.at("/file", "is not a text file")
        return "utf-8" if self.letters >= self.wrong_bytes else "cp1252"

    def _count(self, text: str) -> None:
        if not text.isascii():
            wrong = len(text) - len(text.encode("utf-8", "ignore").decode())  # whose lone surrogates are left out
            self.wrong_bytes += wrong
            self.letters += len(text) - len(text.encode("ascii", "ignore")) - wrong


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
    """Return the codec's name for one that the caller states. Raises InvalidField for what is no text encoding."""
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
