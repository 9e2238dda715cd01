"""The star schema: every table, and what each column means. Nothing here reads or writes."""

from typing import Final

from crm_warehouse.star.columns import ARROW, IS_DELETED, Column
from crm_warehouse.star.dimensions import DIMENSIONS
from crm_warehouse.star.facts import FACTS
from crm_warehouse.star.tables import StarTable, Unit

TABLES: Final[tuple[StarTable, ...]] = (*DIMENSIONS, *FACTS)
"""In the order that they are brought: dimensions first, so that a fact finds what it names."""

UNITS: Final[tuple[Unit, ...]] = tuple(dict.fromkeys(table.unit for table in TABLES))

__all__ = ["ARROW", "IS_DELETED", "TABLES", "UNITS", "Column", "StarTable", "Unit"]
