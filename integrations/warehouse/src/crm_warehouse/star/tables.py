"""What a table of the star schema is: its columns, where its rows come from, and what changes together."""

from dataclasses import dataclass
from typing import Final

from dlt.common.schema.typing import TTableSchemaColumns

from crm_warehouse.star.columns import IS_DELETED, TOMBSTONE, Column


@dataclass(frozen=True, slots=True)
class Key:
    """One column of a unit's key, and its type in PostgreSQL."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Written:
    """A table of reporting's whose changed rows touch the unit named by `key`, as expressions over alias `w`."""

    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What is brought as a whole: all rows with one key, in each of its tables, replace what was there before.

    `follows_rates`: SQL that gives the keys whose base amounts changed with a rate; without one none do.
    """

    name: str
    keys: tuple[Key, ...]
    written: tuple[Written, ...]
    follows_rates: str = ""

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(key.name for key in self.keys)


@dataclass(frozen=True, slots=True)
class StarTable:
    """`source` and `where` give the rows, `lookup` joins what only adds columns to them: counting goes without."""

    name: str
    unit: Unit
    description: str
    source: str
    columns: tuple[Column, ...]
    where: str = "true"
    lookup: str = ""

    @property
    def key_columns(self) -> tuple[Column, ...]:
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.unit.key_names)

    def to_hints(self) -> TTableSchemaColumns:
        """Return the columns as dlt declares them, in order, the tombstone last."""
        keys = set(self.unit.key_names)
        declared = {column.name: column.to_hints(is_key=column.name in keys) for column in self.columns}
        return {**declared, IS_DELETED: TOMBSTONE}


TENANT: Final = Key("tenant_id", "uuid")
