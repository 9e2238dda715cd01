"""How a list's order and the place where a page begins are written in an address: `sort` and `cursor`."""

import base64
import binascii
from collections.abc import Mapping
from datetime import date
from typing import LiteralString
from uuid import UUID

from pydantic_core import from_json

from crm_shared.http.models import PageQuery
from crm_shared.json_text import to_json
from crm_shared.listing import Key, Order, Page, Rows, SortField
from crm_shared.refusals import InvalidField


def parse_order(
    sort: str | None, fields: Mapping[str, SortField], *, default: str = "-created_at", id_column: LiteralString = "id"
) -> Order:
    """Read `sort=-updated_at`. Raises InvalidField naming the fields that may be sorted by."""
    name = sort or default
    field = fields.get(name.removeprefix("-"))
    if field is None:
        raise InvalidField.at("?sort", f"takes one of {', '.join(fields)}, with - before it for descending")
    return Order(name, field, name.startswith("-"), id_column)


def to_page(query: PageQuery, order: Order) -> Page:
    """Return the page that a list's parameters ask for. Raises InvalidField for a cursor that is not of this order."""
    return Page(order, None if query.cursor is None else decode_cursor(query.cursor, order), query.limit)


def encode_cursor(order: Order, key: Key) -> str:
    text = key.value.isoformat() if isinstance(key.value, date) else None if key.value is None else str(key.value)
    return base64.urlsafe_b64encode(to_json([order.name, text, str(key.id)])).decode().rstrip("=")


def decode_cursor(cursor: str, order: Order) -> Key:
    """Return the last row's key. Raises InvalidField."""
    try:
        name, text, last_id = from_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != order.name:
            raise InvalidField.at("?cursor", "belongs to a list in another order")
        return Key(order.parse(text), UUID(last_id))
    except (binascii.Error, ValueError, TypeError, AttributeError, ArithmeticError):
        raise InvalidField.at("?cursor", "is not a cursor of ours") from None


def next_cursor(page: Page, rows: Rows) -> str | None:
    """Return the cursor after the page, None when there is no further row: of `rows` one too many tells of it."""
    if len(rows) <= page.limit:
        return None
    last = rows[page.limit - 1]
    return encode_cursor(page.order, Key(page.order.value_of(last), last["id"]))
