"""Files that hang on an activity: their names and where they lie. The service keeps no files."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from crm_shared.http.models import LineText, ShortText

MOST_ATTACHMENTS = 100


def _require_address(text: str) -> str:
    """Take http and https alone: a client shows it as a link."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or any(character.isspace() for character in text):
        raise ValueError("takes an address such as https://files.example/offer.pdf")
    return text


class AttachmentBody(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    name: ShortText
    url: Annotated[LineText, StringConstraints(max_length=2000), AfterValidator(_require_address)]
    media_type: ShortText | None = None
    size_bytes: Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)] | None = None


Attachments = Annotated[tuple[AttachmentBody, ...], Field(max_length=MOST_ATTACHMENTS)]


def to_files(bodies: Sequence[AttachmentBody]) -> tuple[Mapping[str, Any], ...]:
    """Return the attachments as the table and the events have them."""
    return tuple(body.model_dump() for body in bodies)
