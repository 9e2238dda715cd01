"""The fields of a record, by name: the one list of them is the record's own class, a dataclass."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter, itemgetter
from typing import Any, TypeVar
from uuid import UUID

RecordT = TypeVar("RecordT")


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
        self._places = {name: place for place, name in enumerate(self.names)}
        self.read_row: Callable[[Mapping[str, Any]], tuple[Any, ...]] = itemgetter(*self.names)

    def read(self, record: Any) -> dict[str, Any]:
        return dict(zip(self.names, self.read_tuple(record), strict=True))

    def replace(self, record: RecordT, **changes: Any) -> RecordT:
        """Return a copy with other values, of a record that takes its fields by place.

        `dataclasses.replace` looks at each field's definition for each copy, and takes twice the time.
        """
        values = list(self.read_tuple(record))
        for name, value in changes.items():
            values[self._places[name]] = value
        return type(record)(*values)


def field_values(record: Any) -> dict[str, Any]:
    """Return a record's values by field, each as it is."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
