"""By which wall time a series goes on from an instance that a change of the clocks moved. No I/O, no clock."""

from datetime import datetime

from crm_activities.activities.activity import Activity
from crm_activities.series.domain import Series
from crm_activities.series.instances import write_moment
from crm_activities.series.occurrences import MOST_PUT_FORWARD, Calendar, to_moment, to_wall
from crm_activities.series.rules import parse_rule


def find_rule_start(held: Series, before: Activity, edited: Activity) -> datetime | None:
    """Return the wall time that the rule gave an instance, if it still stands there; None where the start says it.

    02:30 of a night without it stands at 03:30: all that follow go on at 02:30.
    """
    at, rule = edited.scheduled_at, edited.recurrence
    if at is None or at != before.scheduled_at or write_moment(at) != before.recurrence_id:
        return None
    if rule is None or rule["time_zone"] != held.time_zone:
        return None
    if to_moment(held.start, held.zone) == at:
        return held.start
    shown = to_wall(at, held.zone)
    walls = Calendar(parse_rule(held.rrule), held.start).walk(shown - MOST_PUT_FORWARD, shown.date())
    named = [wall for wall in walls if to_moment(wall, held.zone) == at]
    return None if shown in named else next(iter(named), None)
