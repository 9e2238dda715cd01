"""SQL that reads custom fields for the API."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.custom_fields.domain import CustomFieldNotFound
from crm_shared.custom_fields.kinds import EntityType
from crm_shared.custom_fields.repository import FIELD_COLUMNS, LOAD_FIELD
from crm_shared.database import Connection, Where
from crm_shared.http.cursors import Order

SELECT_FIELDS = "SELECT" + FIELD_COLUMNS + " FROM custom_fields f WHERE f.tenant_id = $1 AND f.deleted_at IS NULL AND "


async def list_fields(
    connection: Connection,
    caller: Caller,
    entity_type: EntityType | None,
    *,
    order: Order,
    cursor: str | None,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 fields in the order of the list."""
    where = Where(caller.tenant_id)
    if entity_type is not None:
        where.add("f.entity_type = {}", entity_type)
    order.add_after(where, cursor)
    page = where.number(limit + 1)
    rows = await connection.fetch(
        SELECT_FIELDS + where.sql + " ORDER BY " + order.sql + " LIMIT " + page, *where.parameters
    )
    return [dict(row) for row in rows]


async def load_field(connection: Connection, caller: Caller, field_id: UUID) -> dict[str, Any]:
    """Read one field as GET answers it. Raises CustomFieldNotFound."""
    row = await connection.fetchrow(LOAD_FIELD, caller.tenant_id, field_id)
    if row is None:
        raise CustomFieldNotFound
    return dict(row)
