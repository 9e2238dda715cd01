"""Series: which instances there are by now, and what of the first one the others copy. No I/O, no clock.

A series is kept by wall time: its start, and how far it was made. Each instance is named by the start that the rule
gave it, in UTC (a whole day by its date); its id follows from that name, so that it can't be made twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from crm_activities.activities.activity import Activity, ActivityType, TaskPriority
from crm_activities.activities.contacts import list_given, place
from crm_activities.series.instances import (
    Occurrence,
    find_reminder,
    find_start,
    make_template,
    read_start,
)
from crm_activities.series.left_out import find_left_out
from crm_activities.series.occurrences import MOST_PUT_FORWARD, Calendar, show, to_moment, to_wall
from crm_activities.series.rules import Rule, drop_end, parse_rule
from crm_shared.refusals import InvalidField

END: Final = datetime(2201, 1, 1, tzinfo=UTC)
"""Behind all that an activity may name."""
AHEAD: Final = timedelta(days=90)
MOST_AHEAD: Final = 100
BATCH_INSTANCES: Final = 100
FURTHEST_BACK: Final = timedelta(days=3653)
MOST_BEFORE_NOW: Final = 4000
"""Ten years of days: one request makes no more at once than these."""
LOOK_FURTHER: Final = timedelta(days=366)
"""How far beyond the horizon the next instance is looked for; then the series rests until the horizon is there."""


@dataclass(frozen=True, slots=True)
class Series:
    """`start` and `made_until` are what the zone's clocks show; `made` counts the instances named so far.

    `ends_before` is where a later series took over, or all that follows was deleted; `cut_at` when either was done:
    what was deleted at another moment was deleted by itself. In `skipped` are recurrence ids at which something was
    done or deleted by itself, whether or not the rule names them, in `closed` those that a cut keeps from being made
    until a rule is given anew. While `due_at` is set the series goes on then; without it, it has ended and keeps
    nothing of what people wrote. `failures` counts how often in a row it could not be made.
    """

    id: UUID
    rrule: str
    time_zone: str
    start: datetime
    is_whole_day: bool
    made_until: datetime
    made: int
    due_at: datetime | None
    user_id: UUID | None
    contact_ids: tuple[UUID, ...]
    template: Mapping[str, Any] | None
    created_at: datetime
    ends_before: datetime | None = None
    skipped: tuple[str, ...] = ()
    failures: int = 0
    cut_at: tuple[datetime, ...] = ()
    closed: tuple[str, ...] = ()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def recurrence(self) -> Mapping[str, Any]:
        return {"rrule": self.rrule, "time_zone": self.time_zone}

    @property
    def uncut(self) -> "Series":
        """The series without `ends_before`: behind it may stand what was deleted and then restored."""
        return replace(self, ends_before=None)

    @property
    def endless(self) -> "Series":
        """The series by its rule without an end: what lies behind is remembered, as the rule may be prolonged."""
        return replace(self, ends_before=None, rrule=drop_end(self.rrule))

    def list_occurrences(self, after: datetime, through: date) -> Iterator[Occurrence]:
        """Yield what the rule names later than the wall time `after` and the start, to its end or that of `through`.

        Without regard to COUNT. Each is named once, in order; `wall` is what clocks show then.
        """
        rule, zone = parse_rule(self.rrule), self.zone
        after = max(after, to_wall(to_moment(self.start, zone), zone))
        for wall in self._walk(rule, zone, after - MOST_PUT_FORWARD, through):
            moment = to_moment(wall, zone)
            one = Occurrence(wall, moment, wall.date() if self.is_whole_day else None)
            if moment >= END or _is_beyond(rule, one) or self._is_cut_before(one, zone):
                return
            if wall > after:
                yield one

    def list_starts(self, begin: date, end: date) -> list[Occurrence]:
        """List the starts of the days from `begin` to before `end`, whatever the end of the rule."""
        first_moment = to_moment(self.start, self.zone)
        first = Occurrence(
            to_wall(first_moment, self.zone), first_moment, self.start.date() if self.is_whole_day else None
        )
        before = datetime.combine(begin, time.min) - timedelta(microseconds=1)
        starts = (first, *self.endless.list_occurrences(before, end))
        return [one for one in starts if begin <= one.wall.date() < end]

    def _walk(self, rule: Rule, zone: ZoneInfo, after: datetime, through: date) -> Iterator[datetime]:
        walls = Calendar(rule, self.start).walk(after, through)
        until = rule.until
        if until is not None and not until.is_utc:
            walls = takewhile(lambda wall: wall <= until.at, walls)
        return walls if self.is_whole_day else show(walls, zone)

    def _is_cut_before(self, one: Occurrence, zone: ZoneInfo) -> bool:
        if self.ends_before is None:
            return False
        if one.day is not None:
            return one.day >= self.ends_before.astimezone(zone).date()
        return one.moment >= self.ends_before

    def number_of(self, recurrence_id: str) -> int:
        """Return the place of an instance by the rule, behind `ends_before` too; the first is 1."""
        until = read_start(recurrence_id, self.zone)
        number = 1
        for one in self.uncut.list_occurrences(self.start, until.astimezone(self.zone).date()):
            if one.moment > until:
                break
            number += 1
        return number


@dataclass(frozen=True, slots=True)
class Plan:
    """The instances to be made next, in order, and the series as it is with them made."""

    series: Series
    occurrences: tuple[Occurrence, ...]


def begin_series(activity: Activity, *, now: datetime, start: datetime | None = None) -> Series:
    """Return the series of which the activity is the first instance. Raises InvalidField for a rule that does not fit.

    The activity has `recurrence`, `series_id` and a start. `start`: the wall time of the rule, where a change of the
    clocks moved this instance.
    """
    assert activity.recurrence is not None  # noqa: S101 - and both of these, by their caller
    assert activity.series_id is not None  # noqa: S101
    zone = ZoneInfo(activity.recurrence["time_zone"])
    series = Series(
        id=activity.series_id,
        rrule=activity.recurrence["rrule"],
        time_zone=activity.recurrence["time_zone"],
        start=start or find_start(activity, zone),
        is_whole_day=activity.scheduled_on is not None,
        made_until=find_start(activity, zone),
        made=1,
        due_at=now,
        user_id=activity.user_id,
        contact_ids=list_given(activity),
        template=make_template(activity, zone),
        created_at=now,
    )
    _require_fitting(series, now=now)
    return series


def _require_fitting(series: Series, *, now: datetime) -> None:
    if series.is_whole_day and parse_rule(series.rrule).names_times:
        raise InvalidField.at("/recurrence/rrule", "names times of a day, which a scheduled_on has not")
    today = to_wall(now, series.zone)
    field = "/scheduled_on" if series.is_whole_day else "/scheduled_at"
    if series.start >= END.replace(tzinfo=None):
        raise InvalidField.at(field, "lies after 2200 in the time zone of the series")
    if series.start < today - FURTHEST_BACK:
        raise InvalidField.at(field, "a series begins ten years before now at the earliest")
    for number, one in enumerate(series.list_occurrences(series.start, today.date())):
        if one.moment > now:
            break
        if number >= MOST_BEFORE_NOW:
            raise InvalidField.at("/recurrence/rrule", f"names more than {MOST_BEFORE_NOW} instances before now")


def end_series(series: Series, *, before: datetime | None = None) -> Series:
    """Let no more instances be made; keep nothing of what the first one said."""
    if before is not None and series.ends_before is not None:
        before = min(before, series.ends_before)
    return replace(series, ends_before=before or series.ends_before, due_at=None, template=None, contact_ids=())


def plan(series: Series, *, now: datetime, most: int = BATCH_INSTANCES) -> Plan:
    """Decide which instances come next: up to `most`, to the horizon, and with no more than MOST_AHEAD ahead."""
    horizon = now + AHEAD
    through = min((horizon.astimezone(series.zone) + LOOK_FURTHER).date(), END.date())
    count = parse_rule(series.rrule).count
    chosen: list[Occurrence] = []
    ahead = _list_made_ahead(series, now)
    made, made_until = series.made, series.made_until
    is_left_out = find_left_out(_list_skipped_behind_start(series), series.zone, series.list_starts)
    due_at: datetime | None = None
    has_ended = True
    for one in series.list_occurrences(made_until, through):
        if count is not None and made >= count:
            break
        is_full = len(ahead) >= MOST_AHEAD and one.moment > now
        if one.moment > horizon or is_full or len(chosen) >= most:
            due_at = one.moment - AHEAD if one.moment > horizon else ahead[0] if is_full else now
            has_ended = False
            break
        made, made_until = made + 1, one.wall
        if one.moment > now:
            ahead.append(one.moment)
        if one.recurrence_id not in series.closed and not is_left_out(one):
            chosen.append(one)
    else:
        has_ended = _names_nothing_later(series, through) or (count is not None and made >= count)
        if not has_ended:
            due_at, made_until = now + LOOK_FURTHER, max(made_until, datetime.combine(through, time.max))
    planned = replace(series, made=made, made_until=made_until, due_at=due_at, failures=0)
    return Plan(end_series(planned) if has_ended else planned, tuple(chosen))


def _list_skipped_behind_start(series: Series) -> list[str]:
    start = to_moment(series.start, series.zone)
    return [name for name in series.skipped if read_start(name, series.zone) >= start]


def _list_made_ahead(series: Series, now: datetime) -> list[datetime]:
    """List the starts later than now of what was made already."""
    today = to_wall(now, series.zone)
    if series.made_until < today:
        return []
    first = [to_moment(series.start, series.zone)]
    made = first + [one.moment for one in series.list_occurrences(max(today, series.start), series.made_until.date())]
    last = to_moment(series.made_until, series.zone)
    return [moment for moment in made if now < moment <= last]


def _names_nothing_later(series: Series, through: date) -> bool:
    """Return whether all bounds of the series lie before the end of the day `through`."""
    rule = parse_rule(series.rrule)
    last = datetime.combine(through, time.max)
    if through >= END.date() or (rule.until is not None and rule.until.at < last - timedelta(days=1)):
        return True
    return series.ends_before is not None and series.ends_before <= to_moment(last, series.zone)


def _is_beyond(rule: Rule, one: Occurrence) -> bool:
    return rule.until is not None and rule.until.is_utc and one.moment > rule.until.at.replace(tzinfo=UTC)


def make_instance(series: Series, one: Occurrence, homes: Mapping[UUID, UUID], *, now: datetime) -> Activity:
    """Return the instance. `homes`: where each contact of the series lives on by now."""
    template = series.template or {}
    remind_at = find_reminder(template, one, series.zone)
    return Activity(
        id=uuid5(series.id, one.recurrence_id),
        version=1,
        type=ActivityType(template["type"]),
        **place(series.contact_ids, homes),
        deal_id=UUID(template["deal_id"]) if template["deal_id"] else None,
        user_id=series.user_id,
        subject=template["subject"],
        body=template["body"],
        location=template["location"],
        priority=TaskPriority(template["priority"]) if template["priority"] else None,
        duration_s=template["duration_s"],
        attachments=tuple(template["attachments"]),
        scheduled_at=None if one.day else one.moment,
        scheduled_on=one.day,
        remind_at=remind_at,
        # A series that begins a year ago is history, and no reason for a year's reminders.
        reminded_at=now if remind_at is not None and remind_at <= now else None,
        completed_at=None,
        occurred_at=now,
        direction=None,
        in_reply_to=None,
        external_id=None,
        system=False,
        created_at=now,
        updated_at=now,
        deleted_at=None,
        recurrence=series.recurrence,
        series_id=series.id,
        recurrence_id=one.recurrence_id,
    )
