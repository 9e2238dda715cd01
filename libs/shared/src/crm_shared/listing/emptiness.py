"""`<field>.empty=true|false` of lists: the records without a value, or those with one."""

from collections.abc import Mapping
from typing import Final, LiteralString

from crm_shared.database import Where

SUFFIX: Final = ".empty"
CHOICES: Final = {"true": True, "false": False}


def read_emptiness(text: object) -> bool:
    """Return what a parameter says. Raises ValueError for anything but `true` and `false`."""
    choice = CHOICES.get(text) if isinstance(text, str) else None
    if choice is None:
        raise ValueError("takes true or false")
    return choice


def add_emptiness(where: Where, query: object, columns: Mapping[str, LiteralString]) -> Where:
    """AND what `query` asks of each field in `columns`, by its name in the query."""
    for name, column in columns.items():
        is_empty: bool | None = getattr(query, f"{name}_empty")
        if is_empty is not None:
            where.add(column + (" IS NULL" if is_empty else " IS NOT NULL"))
    return where
