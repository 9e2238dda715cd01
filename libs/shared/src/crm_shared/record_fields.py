"""The fields of a record, by name: the one list of them is the record's own class, a dataclass."""

from dataclasses import fields
from typing import Any


def field_names(record: type[Any]) -> tuple[str, ...]:
    """Return the names of a record's fields, in their order."""
    return tuple(field.name for field in fields(record))


def field_values(record: Any) -> dict[str, Any]:
    """Return a record's values by field, each as it is (`asdict` would copy what is in them)."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
