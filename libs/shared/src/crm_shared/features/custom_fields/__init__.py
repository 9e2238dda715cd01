"""Fields that a tenant adds to contacts, companies and deals: definitions, values, filters, indexes."""

from crm_shared.features.custom_fields.definitions import Definitions, UnknownCustomField
from crm_shared.features.custom_fields.kinds import EntityType, FieldType
from crm_shared.features.custom_fields.repository import load_definitions, read_definitions

__all__ = ["Definitions", "EntityType", "FieldType", "UnknownCustomField", "load_definitions", "read_definitions"]
