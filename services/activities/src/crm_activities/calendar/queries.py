"""SQL that reads calendar feeds, and the activities that stand in one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_activities.activities.activity import ActivityType
from crm_activities.calendar.domain import (
    KEPT_DAYS,
    MOST_ENTRIES,
    MOST_TEXT_BYTES,
    SHORT_CHARS,
    Entry,
    Feed,
    FeedNotFound,
    Mark,
)
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns
from crm_shared.listing import ListStatement, Page, select_page

ROWS_AT_ONCE: Final = 1000
"""Of a feed: some 5 ms."""

SELECT_FEEDS: Final = "SELECT f.id, f.created_at, f.last_read_at FROM calendar_feeds f WHERE f.tenant_id = $1 AND "

FIND_FEED: Final = """
    SELECT f.id, f.tenant_id, f.user_id, u.full_name, COALESCE(u.time_zone, t.time_zone) AS time_zone, f.last_read_at
      FROM calendar_feeds f
      JOIN directory_users u ON u.tenant_id = f.tenant_id AND u.id = f.user_id AND u.active
      JOIN directory_tenants t ON t.tenant_id = f.tenant_id
     WHERE f.tenant_id = $1 AND f.secret_hash = $2
"""

OWN: Final[LiteralString] = """
    SELECT a.id, a.version, a.type, a.subject, a.body, a.location, a.priority, a.scheduled_at, a.scheduled_on,
           a.duration_s, a.created_at, a.updated_at, a.deleted_at,
           COALESCE(a.scheduled_at, a.scheduled_on::timestamp AT TIME ZONE 'UTC') AS begins_at
      FROM activities a
     WHERE a.tenant_id = $1 AND a.user_id = $2 AND a.completed_at IS NULL AND """

# $3 now; $4 the moment and $5 the day that the feed reaches back to, $7 days from now; $6 how many entries; $8 the
# user's time zone. Each reads an index of its own from now on, or back.
OF_ONE_TYPE: Final[tuple[LiteralString, ...]] = (
    "a.deleted_at IS NULL AND a.scheduled_at >= $3 ORDER BY a.scheduled_at LIMIT $6",
    "a.deleted_at IS NULL AND a.scheduled_at >= $4 AND a.scheduled_at < $3 ORDER BY a.scheduled_at DESC LIMIT $6",
    "a.deleted_at IS NULL AND a.scheduled_on >= $5::date + $7::integer ORDER BY a.scheduled_on LIMIT $6",
    """a.deleted_at IS NULL AND a.scheduled_on >= $5 AND a.scheduled_on < $5::date + $7::integer
     ORDER BY a.scheduled_on DESC LIMIT $6""",
)
# Those that were in the feed when they were deleted.
DELETED: Final[LiteralString] = """a.type IN ('TASK', 'MEETING') AND a.deleted_at > $4
       AND (a.scheduled_at >= a.deleted_at - make_interval(days => $7::integer)
            OR a.scheduled_on >= (a.deleted_at AT TIME ZONE $8)::date - $7::integer)
     ORDER BY a.deleted_at DESC LIMIT $6"""
BRANCHES: Final = (
    *(OWN + "a.type = 'TASK' AND " + part for part in OF_ONE_TYPE),
    *(OWN + "a.type = 'MEETING' AND " + part for part in OF_ONE_TYPE),
    OWN + DELETED,
)
UNITED: Final = ")\n UNION ALL (".join(BRANCHES)
# date_part gives a double, which sorts ten times as fast as the numeric that extract gives.
NEAREST: Final = " FROM ((" + UNITED + ")) AS a ORDER BY abs(date_part('epoch', a.begins_at - $3)), a.id LIMIT $6"

LIST_MARKS: Final = "SELECT a.id, a.version" + NEAREST

# Columns as Entry has them, in the order in which they begin; with all their texts until there is no more room for
# them, then with short ones.
LIST_ENTRIES: Final = (
    """
    SELECT a.id, a.version, a.type,
           CASE WHEN a.text_bytes <= $9 THEN a.subject ELSE left(a.subject, $10) END AS subject,
           CASE WHEN a.text_bytes <= $9 THEN a.body END AS body,
           CASE WHEN a.text_bytes <= $9 THEN a.location END AS location,
           a.priority, a.scheduled_at, a.scheduled_on, a.duration_s, a.created_at, a.updated_at, a.deleted_at
      FROM (SELECT a.*, sum(COALESCE(octet_length(a.body), 0) + COALESCE(octet_length(a.subject), 0)
                            + COALESCE(octet_length(a.location), 0))
                        OVER (ORDER BY a.begins_at, a.id ROWS UNBOUNDED PRECEDING) AS text_bytes
              FROM (SELECT a.*"""  # noqa: S608
    + NEAREST
    + """) AS a) AS a
     ORDER BY a.begins_at, a.id
"""
)


def select_calendar_feeds(tenant_id: UUID, user_id: UUID, page: Page) -> ListStatement:
    return select_page(SELECT_FEEDS, Where(tenant_id).add("f.user_id = {}", user_id), page)


async def load_feed(connection: Connection, tenant_id: UUID, user_id: UUID, feed_id: UUID) -> dict[str, Any]:
    """Read one of a user's feeds as GET answers it. Raises FeedNotFound."""
    row = await connection.fetchrow(SELECT_FEEDS + "f.user_id = $2 AND f.id = $3", tenant_id, user_id, feed_id)
    if row is None:
        raise FeedNotFound
    return dict(row)


async def find_feed(connection: Connection, tenant_id: UUID, digest: bytes) -> Feed | None:
    """Look for the feed that a secret opens; None also where its user is deactivated, or not known here."""
    row = await connection.fetchrow(FIND_FEED, tenant_id, digest)
    return None if row is None else Feed(**row)


async def list_marks(connection: Connection, feed: Feed, *, now: datetime) -> list[Mark]:
    """Read what stands in the feed now, as far as it takes to tell whether anything has changed."""
    rows = await connection.fetch(LIST_MARKS, *_to_parameters(feed, now=now)[:-2])
    return [Mark(row["id"], row["version"]) for row in rows]


async def list_entries(connection: Connection, feed: Feed, *, now: datetime) -> list[Entry]:
    """Read what stands in the feed now, in the order in which it begins. Lets others have the event loop between."""
    rows = await connection.fetch(LIST_ENTRIES, *_to_parameters(feed, now=now))
    return [_to_entry(*row) async for row in in_turns(rows, at_once=ROWS_AT_ONCE)]


def _to_entry(entry_id: UUID, version: int, type_: str, *others: Any) -> Entry:
    return Entry(entry_id, version, ActivityType(type_), *others)


def _to_parameters(feed: Feed, *, now: datetime) -> tuple[Any, ...]:
    first_day: date = now.astimezone(ZoneInfo(feed.time_zone)).date() - timedelta(days=KEPT_DAYS)
    since = now.astimezone(UTC) - timedelta(days=KEPT_DAYS)
    return (
        *(feed.tenant_id, feed.user_id, now, since, first_day),
        *(MOST_ENTRIES, KEPT_DAYS, feed.time_zone, MOST_TEXT_BYTES, SHORT_CHARS),
    )
