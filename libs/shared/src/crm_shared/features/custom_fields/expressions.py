"""A custom field as SQL: the expression that indexes, filters and orders share.

Tenant and key stand in it as literals, or the planner could not prove that an index on them serves the query. Both
are checked here: a UUID, and a key within its pattern. All other values are parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import md5
from uuid import UUID

from crm_shared.features.custom_fields.domain import KEY, CustomField
from crm_shared.features.custom_fields.kinds import EntityType, FieldType

TABLES = {EntityType.CONTACT: "contacts", EntityType.COMPANY: "companies", EntityType.DEAL: "deals"}
ALIASES: Mapping[EntityType | None, str] = {EntityType.CONTACT: "c", EntityType.COMPANY: "c", EntityType.DEAL: "d"}
"""How every statement of a service calls the table."""

KEY_CHARACTERS = 100
"""Of a text, folded, that take part in index and order: a B-tree entry must fit a third of a page."""

INDEX_PREFIX = "custom_field_"
STATISTICS_PREFIX = "custom_values_"

_FUNCTIONS = {
    FieldType.TEXT: ("custom_text_key", ' COLLATE "C"'),
    FieldType.NUMBER: ("custom_number_key", ""),
    FieldType.DATE: ("custom_text", ' COLLATE "C"'),
    FieldType.SELECT: ("custom_text", ' COLLATE "C"'),
}


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """One field's column of a table that a statement calls `alias`."""

    field: CustomField
    tenant_id: UUID
    alias: str

    @property
    def key(self) -> str:
        if not KEY.fullmatch(self.field.key):
            raise ValueError(f"{self.field.key!r} is no key")
        return self.field.key

    @property
    def data(self) -> str:
        return f"{self.alias}.custom_data"

    @property
    def sql(self) -> str:
        """The value in the order of its type; null where a record has none. Raises KeyError for MULTI_SELECT."""
        function, collation = _FUNCTIONS[self.field.field_type]
        return f"({function}({self.data}, '{self.key}'){collation})"

    @property
    def text(self) -> str:
        """The stored value as text."""
        return f"({self.data} ->> '{self.key}')"

    @property
    def scope(self) -> str:
        """The rows of the index, beside those deleted: to be ANDed into each query."""
        return f"{self.alias}.tenant_id = '{UUID(int=self.tenant_id.int)}'::uuid"


def fold(text: str) -> str:
    """Return SQL that folds the case of `text`, a placeholder or column."""
    return f"casefold({text}::text COLLATE pg_unicode_fast)"


def to_text_key(folded: str) -> str:
    """Return what `custom_text_key` makes of a text that is folded already."""
    return f'(left({folded}, {KEY_CHARACTERS}) COLLATE "C")'


def to_index_ddl(field: CustomField, tenant_id: UUID) -> str:
    """Return the statement that builds a field's index."""
    table = TABLES[field.entity_type]
    column = FieldColumn(field, tenant_id, alias=table)
    return (
        f"CREATE INDEX CONCURRENTLY {to_index_name(field.id)} ON {table} ({column.sql}, id)"
        f" WHERE {column.scope} AND deleted_at IS NULL"
    )


def to_statistics_name(field: CustomField) -> str:
    """Name the figures that the planner needs of a field's values: one for all tenants whose fields share a key."""
    statistics_name = f"{TABLES[field.entity_type]} {field.field_type} {field.key}"
    return f"{STATISTICS_PREFIX}{md5(statistics_name.encode(), usedforsecurity=False).hexdigest()}"


def to_statistics_ddl(field: CustomField, tenant_id: UUID) -> str:
    """Return what makes ANALYZE count a field's values: of a partial index's own, the planner uses none."""
    table = TABLES[field.entity_type]
    column = FieldColumn(field, tenant_id, alias=table)
    return f"CREATE STATISTICS IF NOT EXISTS {to_statistics_name(field)} ON {column.sql} FROM {table}"


def to_index_name(field_id: UUID) -> str:
    return f"{INDEX_PREFIX}{field_id.hex}"
