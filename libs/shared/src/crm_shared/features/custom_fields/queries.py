"""SQL that reads custom fields for the API."""

from typing import Any
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.features.custom_fields.domain import CustomFieldNotFound
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.features.custom_fields.repository import FIELD_COLUMNS, LOAD_FIELD
from crm_shared.listing import ListStatement, Page, select_page

SELECT_FIELDS = "SELECT" + FIELD_COLUMNS + " FROM custom_fields f WHERE f.tenant_id = $1 AND f.deleted_at IS NULL AND "


def select_fields(caller: Caller, entity_type: EntityType | None, page: Page) -> ListStatement:
    where = Where(caller.tenant_id)
    if entity_type is not None:
        where.add("f.entity_type = {}", entity_type)
    return select_page(SELECT_FIELDS, where, page)


async def load_field(connection: Connection, caller: Caller, field_id: UUID) -> dict[str, Any]:
    """Read one field as GET answers it. Raises CustomFieldNotFound."""
    row = await connection.fetchrow(LOAD_FIELD, caller.tenant_id, field_id)
    if row is None:
        raise CustomFieldNotFound
    return dict(row)
