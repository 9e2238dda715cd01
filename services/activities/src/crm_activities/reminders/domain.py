"""What a reminder does to its activity. No I/O, no clock but the instant handed in."""

from datetime import datetime

from crm_activities.activities.activity import FIELDS, Activity
from crm_activities.activities.domain import ActivityReminded


def remind(activity: Activity, *, now: datetime) -> ActivityReminded:
    """Note that its reminder was given: the next version."""
    reminded = FIELDS.replace(activity, version=activity.version + 1, updated_at=now, reminded_at=now)
    return ActivityReminded(reminded, before=activity, at=now)


def since_when(activity: Activity) -> datetime:
    """Return since when an activity's reminder has been due, at the earliest.

    Not before it was last written: it may have been given a time that was past, or have been opened again after it.
    """
    return activity.updated_at if activity.remind_at is None else max(activity.remind_at, activity.updated_at)
