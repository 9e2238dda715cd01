"""Reads a record's audit, newest change first."""

from typing import Any, Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from crm_shared.database import Connection
from crm_shared.listing import Order, Page, SortField

ORDER: Final = Order("-version", SortField("version", int), is_descending=True)
BEFORE_FIRST_PAGE: Final = 2**63 - 1

SELECT_CHANGES: Final = """
    SELECT r.record_id AS id, r.version, 'crm.' || r.aggregate || '.' || r.verb AS event_type, r.changed_at,
           r.actor_id AS changed_by, r.changed AS changes
      FROM record_changes r
     WHERE r.tenant_id = $1 AND r.aggregate = $2 AND r.record_id = $3 AND r.version < $4
     ORDER BY r.version DESC
     LIMIT $5
"""


class FieldChange(BaseModel):
    """A field's value before and after."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    before: JsonValue = Field(alias="from")
    after: JsonValue = Field(alias="to")


class RecordChange(BaseModel):
    """One version of a record: the event that made it."""

    model_config = ConfigDict(frozen=True)

    version: int
    event_type: str = Field(examples=["crm.contact.updated"])
    changed_at: AwareDatetime
    changed_by: UUID | None = Field(description="null: the system")
    changes: dict[str, FieldChange] | None = Field(description="by field; null at the creation")


class RecordChangePage(BaseModel):
    model_config = ConfigDict(frozen=True)

    items: list[RecordChange]
    next_cursor: str | None


async def list_changes(
    connection: Connection, tenant_id: UUID, aggregate: str, record_id: UUID, page: Page
) -> list[dict[str, Any]]:
    """Return up to a page's limit + 1 changes, newest first, each with the record's `id`.

    Whether the caller may see the record is the service's question, to be asked before.
    """
    before = page.value_after(first=BEFORE_FIRST_PAGE)
    rows = await connection.fetch(SELECT_CHANGES, tenant_id, aggregate, record_id, before, page.limit + 1)
    return [dict(row) for row in rows]
