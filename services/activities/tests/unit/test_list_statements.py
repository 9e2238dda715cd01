"""The SQL of each list, to be read in `golden/`."""

from crm_activities.activities.activity import ActivityType
from crm_activities.activities.queries import select_activities, select_team_activities
from crm_activities.activities.timeline_order import TIMELINE
from crm_activities.activities.timelines import (
    Window,
    select_company_timeline,
    select_contact_timeline,
    select_deal_timeline,
)
from crm_activities.calendar.queries import select_calendar_feeds
from crm_activities.calendar.routes import FEEDS
from crm_activities.inbox.queries import Asked, select_inbox
from crm_activities.inbox.sections import Section, find_borders
from crm_activities.threads.queries import select_thread
from crm_activities.use_cases.routes import SORTS
from crm_activities.use_cases.thread_routes import OLDEST_FIRST
from crm_shared.database import Where
from crm_shared.http.cursors import parse_order
from crm_testing.golden import (
    ADMIN,
    MANAGER,
    MOMENT,
    OTHER,
    RECORD,
    REP,
    SHARED_WITH,
    TENANT,
    USER,
    Golden,
    after,
    first,
)


def test_activities(golden: Golden) -> None:
    order = parse_order("-occurred_at", SORTS, id_column="a.id")
    golden.compare(
        "activities",
        {
            "ADMIN": select_activities(ADMIN, Where(TENANT), first(order), None),
            "REP, a later page": select_activities(REP, Where(TENANT), after(order), [USER]),
            "REP with shares": select_activities(SHARED_WITH, Where(TENANT), first(order), [USER, OTHER]),
        },
    )


def test_team_activities(golden: Golden) -> None:
    order = parse_order("-occurred_at", SORTS, id_column="a.id")
    golden.compare(
        "team_activities", {"MANAGER, a later page": select_team_activities(MANAGER, Where(TENANT), after(order))}
    )


def test_thread(golden: Golden) -> None:
    golden.compare(
        "thread",
        {
            "ADMIN": select_thread(ADMIN, RECORD, first(OLDEST_FIRST), None),
            "REP, a later page": select_thread(REP, RECORD, after(OLDEST_FIRST), [USER]),
        },
    )


def test_inbox(golden: Golden) -> None:
    borders = find_borders(MOMENT, "Europe/Berlin")
    samoa = find_borders(MOMENT, "Pacific/Apia")
    golden.compare(
        "inbox",
        {
            "all sections": select_inbox(Asked(TENANT, USER, tuple(Section), borders, 50)),
            "a later page of one": select_inbox(
                Asked(TENANT, USER, (Section.UPCOMING,), borders, 50, (borders.tomorrow, RECORD))
            ),
            "where a day was left out": select_inbox(Asked(TENANT, USER, (Section.OVERDUE,), samoa, 50)),
        },
    )


def test_calendar_feeds(golden: Golden) -> None:
    golden.compare("calendar_feeds", {"one's own": select_calendar_feeds(TENANT, USER, first(FEEDS))})


def test_timelines(golden: Golden) -> None:
    page, window = after(TIMELINE, (MOMENT, 3)), Window((ActivityType.CALL,), MOMENT)
    golden.compare("contact_timeline", {"a later page": select_contact_timeline(TENANT, RECORD, window, page)})
    golden.compare("deal_timeline", {"a later page": select_deal_timeline(TENANT, RECORD, window, page)})
    golden.compare(
        "company_timeline", {"for a REP with shares": select_company_timeline(SHARED_WITH, RECORD, window, page)}
    )
