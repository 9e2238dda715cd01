"""dim_date: every day that a record may name. Made here, from the calendar alone."""

from datetime import timedelta
from functools import cache
from typing import Final

import pyarrow as pa
from dlt.common.schema.typing import TTableSchemaColumns

from crm_shared.time_window import FIRST_DAY, LAST_DAY
from crm_warehouse.star.columns import ARROW, Column

DIM_DATE: Final = "dim_date"
DESCRIPTION: Final = "Every day from 1900 to 2200, as calendars group them"
COLUMNS: Final = (
    Column("date", "day", "", "The day; the key"),
    Column("year", "number", "", "Calendar year"),
    Column("quarter", "number", "", "1 to 4"),
    Column("month", "number", "", "1 to 12"),
    Column("day_of_month", "number", "", "1 to 31"),
    Column("day_of_week", "number", "", "ISO 8601: 1 is Monday, 7 is Sunday"),
    Column("iso_year", "number", "", "ISO 8601: the year that iso_week is of"),
    Column("iso_week", "number", "", "ISO 8601: 1 to 53"),
    Column("month_start", "day", "", "The first day of its month: what fct_quota.month names"),
    Column("quarter_start", "day", "", "The first day of its quarter"),
)


def to_hints() -> TTableSchemaColumns:
    """Return the columns as dlt declares them."""
    return {column.name: column.to_hints(is_key=column.name == "date") for column in COLUMNS}


@cache
def make_dates() -> pa.Table:
    """Return all rows, by date. Made once a process."""
    rows = []
    for offset in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + timedelta(days=offset)
        quarter = (day.month + 2) // 3
        iso = day.isocalendar()
        month_start = day.replace(day=1)
        quarter_start = month_start.replace(month=quarter * 3 - 2)
        rows.append(
            (day, day.year, quarter, day.month, day.day, iso.weekday, iso.year, iso.week, month_start, quarter_start)
        )
    values = zip(*rows, strict=True)
    return pa.table(
        {
            column.name: pa.array(of_column, ARROW[column.kind])
            for column, of_column in zip(COLUMNS, values, strict=True)
        }
    )
