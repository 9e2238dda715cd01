"""Where the activity's classes meet their names on the wire."""

from typing import Any, Final

from crm_activities.activities.activity import FIELDS, Activity
from crm_activities.activities.domain import (
    ActivityDeleted,
    ActivityEdited,
    ActivityErased,
    ActivityEvent,
    ActivityLogged,
    ActivityReminded,
    ActivityRestored,
)
from crm_shared.contracts import Change, EventMapping
from crm_shared.contracts.changes import conceal


def to_state(activity: Activity) -> dict[str, Any]:
    """Return the whole state: what GET answers and what events carry."""
    return FIELDS.read(activity)


def _verb_of_edit(event: ActivityEdited) -> str:
    """Call an edit that ends a task or takes it up again by that, whatever else it changes."""
    was_completed, is_completed = event.before.completed_at is not None, event.activity.completed_at is not None
    if was_completed == is_completed:
        return "updated"
    return "completed" if is_completed else "reopened"


def _revise(event: ActivityEvent, changed: dict[str, Change]) -> dict[str, Change]:
    return conceal(changed) if isinstance(event, ActivityErased) else changed


MAPPING: Final[EventMapping[Activity, ActivityEvent]] = EventMapping(
    "activity",
    to_state,
    {
        ActivityLogged: "logged",
        ActivityEdited: _verb_of_edit,
        ActivityDeleted: "deleted",
        ActivityRestored: "restored",
        ActivityReminded: "reminded",
        ActivityErased: "updated",
    },
    _revise,
)
