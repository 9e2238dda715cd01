"""The tag filter of lists: which way a page is read, so that a common tag costs no more than a rare one."""

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import LiteralString, Protocol
from uuid import UUID

from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order, SortField

RARE = 2000
"""So many tagged records are read and sorted in a few milliseconds, in whatever order is asked for."""


class TagReading(Enum):
    """BY_TAG: from the table of tags, in its order or sorted. BY_ORDER: along the list's order, asking each record.

    OF_DELETED: of the records themselves, since the table of tags has the living only.
    """

    BY_TAG = auto()
    BY_ORDER = auto()
    OF_DELETED = auto()


class HasTags(Protocol):
    @property
    def tag(self) -> list[str]: ...
    @property
    def deleted(self) -> bool: ...


async def choose_reading(
    connection: Connection, tenant_id: UUID, count_tagged: str, query: HasTags, order: Order
) -> TagReading:
    """Choose; a round trip only for a tag in another order than creation's: `count_tagged`, up to $3 that have $2."""
    if query.deleted:
        return TagReading.OF_DELETED
    if not query.tag:
        return TagReading.BY_ORDER
    if order.field.column == "c.created_at":
        return TagReading.BY_TAG
    count = await connection.fetchval(count_tagged, tenant_id, query.tag[0], RARE + 1)
    return TagReading.BY_TAG if count <= RARE else TagReading.BY_ORDER


def by_creation(order: Order, created_at: LiteralString, id_column: LiteralString) -> Order:
    """Give an order of creation over the columns of the table of tags; any other one stays as it is."""
    if order.field.column != "c.created_at":
        return order
    return replace(order, field=SortField(created_at, order.field.type), id_column=id_column)


def add_tags(where: Where, tags: Sequence[str], reading: TagReading, *, also: LiteralString) -> None:
    """AND the tags, each once. `also` asks a record for one tag, `{}`."""
    wanted = list(dict.fromkeys(tags))
    if reading is TagReading.BY_TAG:
        where.add("t.tag = {}", wanted.pop(0))
    for tag in wanted:
        where.add("{} = ANY (c.tags)" if reading is TagReading.OF_DELETED else also, tag)
