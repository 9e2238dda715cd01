"""From a cell's text to a field's value: what every type of record has. Raises ValueError."""

from typing import Final
from uuid import UUID

from pydantic import TypeAdapter

from crm_shared.text import to_name

MAX_SHORT_TEXT: Final = 255
_ID_LENGTH: Final = 36
_ID_DASHES: Final = 4
_to_uuid = TypeAdapter(UUID).validate_python


def read_short_text(text: str) -> str:
    if len(text) > MAX_SHORT_TEXT:
        raise ValueError(f"should have at most {MAX_SHORT_TEXT} characters")
    return text if text.isascii() and text.isprintable() else to_name(text)


def read_id(text: str) -> UUID:
    try:
        found: UUID = _to_uuid(text)
    except ValueError:
        raise ValueError("is not an id") from None
    return found


def find_id(text: str) -> UUID | None:
    """Return the id that a text is; None where it is none, as reading the row will say."""
    try:
        return read_id(text)
    except ValueError:
        return None


def is_id(text: str) -> bool:
    """Return whether a cell may be an id of ours."""
    return len(text) == _ID_LENGTH and text.count("-") == _ID_DASHES
