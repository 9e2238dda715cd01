"""From a cell's text to a field's value: the rules of the API's models, each as one function. Raises ValueError."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter

from crm_contacts.companies.internet import to_domain, to_website
from crm_contacts.imports.plain_values import read_email, read_phone
from crm_contacts.tags import MAX_TAGS, to_tag, to_tags
from crm_shared.contracts.states import ContactSource
from crm_shared.text import to_name

MAX_SHORT_TEXT: Final = 255
TAG_SEPARATOR: Final = ";"
_SOURCES: Final = {source.casefold(): source for source in ContactSource.__args__}  # type: ignore[attr-defined]
_to_uuid = TypeAdapter(UUID).validate_python


def read_short_text(text: str) -> str:
    if len(text) > MAX_SHORT_TEXT:
        raise ValueError(f"should have at most {MAX_SHORT_TEXT} characters")
    return text if text.isascii() and text.isprintable() else to_name(text)


def read_source(text: str) -> str:
    """Give the source, however its letters' case is: spreadsheets are written by people."""
    source: str | None = _SOURCES.get(text.casefold())
    if source is None:
        raise ValueError(f"takes one of {', '.join(_SOURCES.values())}")
    return source


def read_id(text: str) -> UUID:
    try:
        found: UUID = _to_uuid(text)
    except ValueError:
        raise ValueError("is not an id") from None
    return found


@lru_cache(maxsize=4096)
def read_tags(text: str) -> tuple[str, ...]:
    tags = to_tags(to_tag(part) for part in text.split(TAG_SEPARATOR) if part.strip())
    if len(tags) > MAX_TAGS:
        raise ValueError(f"takes {MAX_TAGS} tags at most")
    return tags


READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "id": read_id,
    "first_name": read_short_text,
    "last_name": read_short_text,
    "email": read_email,
    "phone": read_phone,
    "job_title": read_short_text,
    "source": read_source,
    "external_id": read_short_text,
    "tags": read_tags,
    "name": read_short_text,
    "domain": to_domain,
    "industry": read_short_text,
    "size": read_short_text,
    "website": to_website,
}
