"""Tags: short words that people put on records."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

MAX_LENGTH = 64
MAX_TAGS = 100
FIRST_PRINTABLE = 0x20
DELETE = 0x7F


def to_tag(text: str) -> str:
    """Give the tag without the spaces round it. Raises ValueError for one that is empty, too long or unprintable."""
    tag = text.strip()
    if not 0 < len(tag) <= MAX_LENGTH:
        raise ValueError(f"takes 1 to {MAX_LENGTH} characters")
    if any(ord(character) < FIRST_PRINTABLE or ord(character) == DELETE for character in tag):
        raise ValueError("holds a control character")
    return tag


def to_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Give each tag once, in the order of its first place."""
    return tuple(dict.fromkeys(tags))


Tag = Annotated[str, AfterValidator(to_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS, examples=[["decision-maker"]])]
