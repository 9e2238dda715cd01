"""The tag filter of lists: which way a page is read, so that a common tag costs no more than a rare one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import LiteralString
from uuid import UUID

from crm_shared.database import Connection, Where
from crm_shared.listing import Order, Page, SortField

RARE = 2000
"""So many tagged records are read and sorted in a few milliseconds, in whatever order is asked for."""


class TagReading(Enum):
    """BY_TAG: from the table of tags, in its order or sorted. BY_ORDER: along the list's order, asking each record.

    OF_DELETED: of the records themselves, since the table of tags has the living only.
    """

    BY_TAG = auto()
    BY_ORDER = auto()
    OF_DELETED = auto()


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of contacts or companies is narrowed to. `where`, all but owners and tags, has the tenant as $1.

    `is_narrow`: filters that have an index of their own leave few records.
    """

    where: Where
    owners: Sequence[UUID]
    tags: Sequence[str]
    deleted: bool
    is_narrow: bool


async def choose_reading(
    connection: Connection, tenant_id: UUID, count_tagged: str, filters: Filters, order: Order
) -> TagReading:
    """Choose; a round trip only for a tag in another order than creation's: `count_tagged`, up to $3 that have $2."""
    if filters.deleted:
        return TagReading.OF_DELETED
    if not filters.tags:
        return TagReading.BY_ORDER
    if order.field_name == "created_at":
        return TagReading.BY_TAG
    count = await connection.fetchval(count_tagged, tenant_id, filters.tags[0], RARE + 1)
    return TagReading.BY_TAG if count <= RARE else TagReading.BY_ORDER


def by_creation(page: Page, created_at: LiteralString, id_column: LiteralString) -> Page:
    """Return a page in the order of creation over the columns of the table of tags; any other one stays as it is."""
    if page.order.field_name != "created_at":
        return page
    field = SortField(created_at, page.order.field.type)
    return replace(page, order=replace(page.order, field=field, id_column=id_column))


def add_tags(filters: Filters, reading: TagReading, *, also: LiteralString) -> Where:
    """Return the conditions with the tags among them, each once. `also` asks a record for one tag, `{}`."""
    where, wanted = filters.where.copy(), list(dict.fromkeys(filters.tags))
    if reading is TagReading.BY_TAG:
        where.add("t.tag = {}", wanted.pop(0))
    for tag in wanted:
        where.add("{} = ANY (c.tags)" if reading is TagReading.OF_DELETED else also, tag)
    return where
