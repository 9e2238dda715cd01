"""What a command asks when it writes a record: one round trip at most, and none where no custom field is named."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_shared.database import Transaction
from crm_shared.features.custom_fields.kinds import EntityType
from crm_shared.features.custom_fields.repository import load_definitions


async def check_new(
    transaction: Transaction, tenant_id: UUID, entity_type: EntityType, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the custom_data of a new record. Raises UnknownCustomField, InvalidField; missing required ones too."""
    definitions = await load_definitions(transaction, tenant_id, entity_type)
    return definitions.check(values, partial=False)


async def merge_changes(
    transaction: Transaction,
    tenant_id: UUID,
    entity_type: EntityType,
    present: Mapping[str, Any],
    changes: Mapping[str, Any],
) -> dict[str, Any]:
    """Return a PATCH's changes with its custom_data, if any, put into that which the record holds.

    The record is locked. Raises UnknownCustomField, InvalidField.
    """
    merged = dict(changes)
    if "custom_data" in merged:
        values = merged.pop("custom_data")
        if values:
            definitions = await load_definitions(transaction, tenant_id, entity_type)
            merged["custom_data"] = definitions.merge(present, values)
    return merged
