"""SQL that loads and writes custom fields."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_shared.database import Connection, Transaction
from crm_shared.features.custom_fields.definitions import Definitions
from crm_shared.features.custom_fields.domain import (
    MAX_FIELDS,
    MAX_INDEXED,
    CustomField,
    CustomFieldNotFound,
    DuplicateKey,
    KeyInDeletion,
    Option,
    TooManyCustomFields,
    TooManyIndexes,
)
from crm_shared.features.custom_fields.kinds import EntityType, FieldType, IndexState

FIELD_COLUMNS = """
           f.id, f.version, f.entity_type, f.key, f.label, f.field_type, f.options, f.required, f.indexed,
           f.index_state, f.used_for_matching, f.created_at, f.updated_at
"""

LOAD_DEFINITIONS = "SELECT" + FIELD_COLUMNS + " FROM load_custom_fields($1, $2) f"
READ_DEFINITIONS = (
    "SELECT" + FIELD_COLUMNS + " FROM custom_fields f"
    " WHERE f.tenant_id = $1 AND f.entity_type = $2 AND f.deleted_at IS NULL ORDER BY f.key"
)

LOCK_FIELDS = "SELECT lock_custom_fields($1, $2)"
FIND_KEY = """
    SELECT id, deleted_at IS NOT NULL AS is_deleted
      FROM custom_fields
     WHERE tenant_id = $1 AND entity_type = $2 AND key = $3
"""
COUNT_FIELDS = """
    SELECT count(*) AS fields, count(*) FILTER (WHERE indexed) AS indexed
      FROM custom_fields
     WHERE tenant_id = $1 AND entity_type = $2 AND deleted_at IS NULL
"""
FIND_ENTITY_TYPE = "SELECT entity_type FROM custom_fields WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL"
LOAD_FIELD = (
    "SELECT" + FIELD_COLUMNS + " FROM custom_fields f WHERE f.tenant_id = $1 AND f.id = $2 AND f.deleted_at IS NULL"
)

INSERT_FIELD = """
    INSERT INTO custom_fields (tenant_id, id, version, entity_type, key, label, field_type, options, required, indexed,
                               index_state, used_for_matching, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
UPDATE_FIELD = """
    UPDATE custom_fields
       SET version = $3, entity_type = $4, key = $5, label = $6, field_type = $7, options = $8, required = $9,
           indexed = $10, index_state = $11, used_for_matching = $12, created_at = $13, updated_at = $14
     WHERE tenant_id = $1 AND id = $2
"""
DELETE_FIELD = """
    UPDATE custom_fields
       SET deleted_at = $3, updated_at = $3, version = version + 1,
           index_state = CASE index_state WHEN 'NONE' THEN 'NONE' ELSE 'DROPPING' END
     WHERE tenant_id = $1 AND id = $2
"""


async def load_definitions(transaction: Connection, tenant_id: UUID, entity_type: EntityType) -> Definitions:
    """Read the fields that a record is written by; they stand still until the transaction ends. One round trip.

    Call it after the record's lock is taken: writers of fields lock no records.
    """
    rows = await transaction.fetch(LOAD_DEFINITIONS, tenant_id, entity_type)
    return Definitions(tenant_id, entity_type, [to_field(row) for row in rows])


async def read_definitions(connection: Connection, tenant_id: UUID, entity_type: EntityType) -> Definitions:
    """Read the fields for a list or a file that is read: nothing waits, nothing is held."""
    rows = await connection.fetch(READ_DEFINITIONS, tenant_id, entity_type)
    return Definitions(tenant_id, entity_type, [to_field(row) for row in rows])


async def lock_fields(transaction: Transaction, tenant_id: UUID, entity_type: EntityType) -> None:
    """Wait until no record of the entity type is being written, and let none be until this transaction ends."""
    await transaction.fetchval(LOCK_FIELDS, tenant_id, entity_type)


async def lock_field(transaction: Transaction, tenant_id: UUID, field_id: UUID) -> CustomField:
    """Load one field, alone with it and its siblings. Raises CustomFieldNotFound."""
    entity_type = await transaction.fetchval(FIND_ENTITY_TYPE, tenant_id, field_id)
    if entity_type is None:
        raise CustomFieldNotFound
    await lock_fields(transaction, tenant_id, EntityType(entity_type))
    return await load_field(transaction, tenant_id, field_id)


async def load_field(connection: Connection, tenant_id: UUID, field_id: UUID) -> CustomField:
    """Load one field. Raises CustomFieldNotFound."""
    row = await connection.fetchrow(LOAD_FIELD, tenant_id, field_id)
    if row is None:
        raise CustomFieldNotFound
    return to_field(row)


async def require_free_key(transaction: Transaction, tenant_id: UUID, entity_type: EntityType, key: str) -> None:
    """Raise DuplicateKey or KeyInDeletion unless `key` is free. The caller holds the lock of `lock_fields`."""
    holder = await transaction.fetchrow(FIND_KEY, tenant_id, entity_type, key)
    if holder is not None:
        raise KeyInDeletion if holder["is_deleted"] else DuplicateKey(holder["id"])


async def require_room(transaction: Transaction, tenant_id: UUID, entity_type: EntityType) -> None:
    """Raise TooManyCustomFields or TooManyIndexes when there are more than may be. The caller holds the lock."""
    counted = await transaction.fetchrow(COUNT_FIELDS, tenant_id, entity_type)
    if counted is not None and counted["fields"] > MAX_FIELDS:
        raise TooManyCustomFields
    if counted is not None and counted["indexed"] > MAX_INDEXED:
        raise TooManyIndexes


async def insert(transaction: Transaction, tenant_id: UUID, field: CustomField) -> None:
    await transaction.execute(INSERT_FIELD, *_to_row(tenant_id, field))


async def save(transaction: Transaction, tenant_id: UUID, field: CustomField) -> None:
    await transaction.execute(UPDATE_FIELD, *_to_row(tenant_id, field))


async def delete(transaction: Transaction, tenant_id: UUID, field_id: UUID, now: object) -> None:
    """Hide the field and its values; the worker removes both."""
    await transaction.execute(DELETE_FIELD, tenant_id, field_id, now)


def to_field(row: Mapping[str, Any]) -> CustomField:
    return CustomField(
        **{
            **row,
            "entity_type": EntityType(row["entity_type"]),
            "field_type": FieldType(row["field_type"]),
            "index_state": IndexState(row["index_state"]),
            "options": tuple(Option(**option) for option in row["options"]),
        }
    )


def to_state(field: CustomField) -> dict[str, Any]:
    """Return the field as the API answers it."""
    names: Sequence[str] = [column.strip().removeprefix("f.") for column in FIELD_COLUMNS.split(",")]
    return {name: getattr(field, name) for name in names}


def _to_row(tenant_id: UUID, field: CustomField) -> tuple[Any, ...]:
    return (
        tenant_id, field.id, field.version, field.entity_type, field.key, field.label, field.field_type,
        list(field.options), field.required, field.indexed, field.index_state, field.used_for_matching,
        field.created_at, field.updated_at,
    )  # fmt: skip
