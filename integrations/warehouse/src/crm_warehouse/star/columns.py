"""A column of the star schema: where its values come from, what they mean, and its type for dlt and for Arrow."""

from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa
from dlt.common.schema.typing import TColumnSchema

Kind = Literal["uuid", "text", "number", "money", "base_money", "rate", "flag", "moment", "day"]

# Money as the API lets it in: up to 10^13, and no currency has more than four decimals. Of base amounts nothing is
# rounded: four decimals times the twelve that a rate may have.
HINTS: Final[dict[Kind, TColumnSchema]] = {
    "uuid": {"data_type": "text", "precision": 36},
    "text": {"data_type": "text"},
    "number": {"data_type": "bigint"},
    "money": {"data_type": "decimal", "precision": 18, "scale": 4},
    "base_money": {"data_type": "decimal", "precision": 38, "scale": 16},
    "rate": {"data_type": "decimal", "precision": 24, "scale": 12},
    "flag": {"data_type": "bool"},
    "moment": {"data_type": "timestamp", "precision": 6},
    "day": {"data_type": "date"},
}
ARROW: Final[dict[Kind, pa.DataType]] = {
    "uuid": pa.string(),
    "text": pa.string(),
    "number": pa.int64(),
    "money": pa.decimal128(18, 4),
    "base_money": pa.decimal128(38, 16),
    "rate": pa.decimal128(24, 12),
    "flag": pa.bool_(),
    "moment": pa.timestamp("us", tz="UTC"),
    "day": pa.date32(),
}


@dataclass(frozen=True, slots=True)
class Column:
    """`sql` gives the value, in terms of the table's source. `description` goes to the warehouse's own catalogue."""

    name: str
    kind: Kind
    sql: str
    description: str

    def to_hints(self, *, is_key: bool) -> TColumnSchema:
        """Return the column as dlt declares it. A table's key columns are never null."""
        hints: TColumnSchema = {"name": self.name, "description": self.description, "nullable": not is_key}
        hints.update(HINTS[self.kind])
        if is_key:
            hints["merge_key"] = True
        return hints


IS_DELETED: Final = "is_deleted"
TOMBSTONE: Final[TColumnSchema] = {
    "name": IS_DELETED,
    "data_type": "bool",
    "nullable": True,
    "hard_delete": True,
    "description": "Always false: how a deletion travels. Its rows are removed, and this one is not kept",
}
"""Stands behind the columns of every table that is kept by changes."""
