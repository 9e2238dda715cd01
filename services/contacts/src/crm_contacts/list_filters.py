"""Filters that lists of contacts and of companies share."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_contacts.tags import WantedTag
from crm_shared.database import Where
from crm_shared.retention import RESTORABLE_FOR

MAX_OWNERS = 100
MAX_TAGS = 10

Owners = Annotated[list[UUID], Field(max_length=MAX_OWNERS, description="repeatable: of any of them")]
WantedTags = Annotated[list[WantedTag], Field(max_length=MAX_TAGS, description="repeatable: with all of them")]
Deleted = Annotated[bool, Field(description="true: what was deleted and can still be restored, in place of the rest")]


def add_deleted(where: Where, *, deleted: bool) -> None:
    """Leave what is there, or else what can be restored."""
    if deleted:
        where.add("c.deleted_at > now() - {}::interval", RESTORABLE_FOR)
    else:
        where.add("c.deleted_at IS NULL")
