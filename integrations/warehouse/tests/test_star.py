"""The star schema says of everything what it is, and the role that reads may read just what it is made of."""

import re
from datetime import date

from crm_warehouse import access
from crm_warehouse.source import statements
from crm_warehouse.star import TABLES, UNITS, calendar


def test_every_table_and_column_says_what_it_is() -> None:
    described = [*((table.name, table.description) for table in TABLES), (calendar.DIM_DATE, calendar.DESCRIPTION)]
    columns = [(f"{table.name}.{column.name}", column.description) for table in TABLES for column in table.columns]
    assert [name for name, text in (*described, *columns) if not text] == []
    assert len({table.name for table in TABLES}) == len(TABLES)


def test_the_role_reads_what_the_schema_is_made_of_and_no_other_table() -> None:
    texts = [statements.select_all(table) for table in TABLES] + [statements.select_changed(unit) for unit in UNITS]
    read = {name for text in texts for name in re.findall(r"(?:FROM|JOIN)\s+([a-z_]+)\b(?!\s*\()", text)}
    assert read - {"unnest"} == set(access.READS)


def test_every_day_is_in_the_calendar_once() -> None:
    dates = calendar.make_dates().to_pydict()
    assert len(dates["date"]) == len(set(dates["date"])) == 109_938
    place = dates["date"].index(date(2027, 1, 1))
    assert [dates[name][place] for name in ("iso_year", "iso_week", "day_of_week", "quarter")] == [2026, 53, 5, 1]
