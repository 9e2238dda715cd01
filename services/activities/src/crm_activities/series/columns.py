"""The table of series: its columns are the fields of `Series`, in their order."""

from typing import Any, Final

from crm_activities.series.domain import Series
from crm_shared.database import RecordTable
from crm_shared.record_fields import field_values

SERIES_TABLE: Final = RecordTable("activity_series", Series, alias="s")


def to_state(series: Series) -> dict[str, Any]:
    """Return the series as the table's statement for many takes it."""
    return field_values(series)
