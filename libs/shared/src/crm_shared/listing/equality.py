"""`<field>=value` of lists: the records whose field is exactly that."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import LiteralString

from pydantic import BaseModel

from crm_shared.database import Where


@dataclass(frozen=True, slots=True)
class Exactly:
    """Marks a query's field that asks for the column of its name, as it is."""


def list_equalities(query: type[BaseModel], alias: LiteralString) -> Mapping[str, LiteralString]:
    """Return the columns of the table `alias` that `query` asks for as they are, by field."""
    fields = query.model_fields.items()
    return {name: alias + "." + name for name, field in fields if Exactly() in field.metadata}


def add_equality(where: Where, query: object, columns: Mapping[str, LiteralString]) -> Where:
    """AND what `query` asks each field in `columns` to be, by its name in the query."""
    for name, column in columns.items():
        value = getattr(query, name)
        if value is not None:
            where.add(column + " = {}", value)
    return where
