"""Activities as the suite's own work on many records sees them."""

from typing import Final

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import ActivityEdited
from crm_activities.activities.events import MAPPING
from crm_activities.activities.repository import to_activity
from crm_shared.record_adapters import RecordAdapter

ACTIVITIES: Final = RecordAdapter(
    MAPPING, ActivityEdited, "activities", "a", ACTIVITY_COLUMNS, to_activity, is_audited=True
)
