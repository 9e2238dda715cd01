"""The table of activities: its columns are the fields of `Activity`, in their order."""

from typing import Final

from crm_activities.activities.activity import Activity
from crm_shared.database import RecordTable

ACTIVITY_TABLE: Final = RecordTable("activities", Activity, alias="a")
ACTIVITY_COLUMNS: Final = ACTIVITY_TABLE.columns
