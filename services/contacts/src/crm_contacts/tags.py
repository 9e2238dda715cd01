"""Tags: short words that people put on records."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from crm_shared.text import to_name, to_nfc, to_path_name

MAX_LENGTH = 64
MAX_TAGS = 100


def read_tag(text: str) -> str:
    """Return the tag that a filter or a DELETE names. Raises ValueError for one that is empty, too long or unprintable.

    Records may hold a tag with a slash from before those were refused: it is still found, and taken off.
    """
    tag = to_nfc(text.strip())
    if not 0 < len(tag) <= MAX_LENGTH:
        raise ValueError(f"takes 1 to {MAX_LENGTH} characters")
    return to_name(tag)


def to_tag(text: str) -> str:
    """Return the tag that a record is to have, without the spaces round it. A tag stands in a path.

    Raises ValueError for one that is empty, too long or unprintable, that holds a slash, or is a step in a path.
    """
    return to_path_name(read_tag(text))


def to_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return each tag once, in the order of its first place."""
    return tuple(dict.fromkeys(tags))


Tag = Annotated[str, AfterValidator(to_tag)]
WantedTag = Annotated[str, AfterValidator(read_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS, examples=[["decision-maker"]])]
