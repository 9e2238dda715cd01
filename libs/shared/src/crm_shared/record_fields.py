"""The fields of a record, by name: the one list of them is the record's own class, a dataclass."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """What every record begins with."""

    id: UUID
    version: int


def field_names(record: type[Any]) -> tuple[str, ...]:
    """Return the names of a record's fields, in their order."""
    return tuple(field.name for field in fields(record))


class FieldReader:
    """Reads the values of one kind of record by field, each as it is (`asdict` would copy what is in them).

    Made once for each kind: whoever writes thousands of records spends much of the time in reading their fields.
    """

    def __init__(self, record: type[Any]) -> None:
        self.names = field_names(record)
        self.read_tuple: Callable[[Any], tuple[Any, ...]] = attrgetter(*self.names)

    def read(self, record: Any) -> dict[str, Any]:
        return dict(zip(self.names, self.read_tuple(record), strict=True))


def field_values(record: Any) -> dict[str, Any]:
    """Return a record's values by field, each as it is."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
