"""What a snapshot gives, as one load package of dlt's: rows by table, and the cursor that tells of them."""

from collections.abc import Iterator, Mapping
from typing import Any

import dlt
import pyarrow as pa
from dlt.extract import DltResource, DltSource

from crm_warehouse.cursor import STATE_KEY, Cursor
from crm_warehouse.destinations import FROZEN, MERGE, make_schema
from crm_warehouse.source.spool import SpooledRows
from crm_warehouse.star import StarTable, calendar

Spooled = Mapping[StarTable, SpooledRows]


def make_package(rows: Spooled, cursor: Cursor | None, *, whole: bool, with_dates: bool) -> DltSource:
    """Return the source that dlt extracts. `whole`: the tables are replaced by these rows, else what changed is.

    `cursor` is stored with them; None leaves it where it was.
    """
    resources = [_to_resource(table, spooled, cursor, whole=whole) for table, spooled in rows.items()]
    if with_dates:
        dates = dlt.resource(calendar.make_dates(), name=calendar.DIM_DATE, write_disposition="replace")
        dates.apply_hints(columns=calendar.to_hints())
        resources.insert(0, dates)

    @dlt.source(schema=make_schema(), schema_contract=FROZEN)
    def crm() -> list[DltResource]:
        return resources

    return crm()


def _to_resource(table: StarTable, rows: SpooledRows, cursor: Cursor | None, *, whole: bool) -> DltResource:
    def read() -> Iterator[pa.Table]:
        if cursor is not None:
            state: dict[str, Any] = dlt.current.source_state()
            state[STATE_KEY] = cursor.to_state()
        yield from rows.read(table.columns)

    resource = dlt.resource(read, name=table.name, write_disposition="replace" if whole else MERGE)
    resource.apply_hints(columns=table.to_hints())
    return resource
