"""Activities as the suite's own work on many records sees them."""

from typing import Final
from uuid import UUID

from crm_activities.activities import events
from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.activities.domain import Activity, ActivityEdited
from crm_activities.activities.repository import to_activity
from crm_shared.contracts import OutboxEvent
from crm_shared.outbox import append
from crm_shared.record_kinds import Edit, RecordKind


def _to_event(edit: Edit[Activity], tenant_id: UUID, actor_id: UUID | None) -> OutboxEvent:
    edited = ActivityEdited(edit.record, before=edit.before, at=edit.at)
    (told,) = events.to_wire([edited], tenant_id=tenant_id, actor_id=actor_id)
    return told


ACTIVITIES: Final = RecordKind("activity", "activities", "a", ACTIVITY_COLUMNS, to_activity, _to_event, tell=append)
