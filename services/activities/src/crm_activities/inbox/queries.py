"""SQL that reads inboxes: counts and keys in one statement, whole tasks in another, on one snapshot."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_activities.activities.columns import ACTIVITY_COLUMNS
from crm_activities.inbox.sections import Borders, Leg, Section, begin_after, due_of, list_legs
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.listing import Statement

# The user's own clock, else the tenant's.
FIND_ZONE: Final = """
    SELECT COALESCE(u.time_zone, t.time_zone)
      FROM directory_users u
      JOIN directory_tenants t USING (tenant_id)
     WHERE u.tenant_id = $1 AND """

# As the partial indexes have it, word for word.
OPEN_TASKS: LiteralString = """
          FROM activities a
         WHERE a.tenant_id = $1 AND a.user_id = $2 AND a.type = 'TASK' AND a.completed_at IS NULL
           AND a.deleted_at IS NULL AND """
SELECT_KEYS: Final[Mapping[str, LiteralString]] = {
    "a.scheduled_at": "a.scheduled_at AS moment, NULL::date AS day",
    "a.scheduled_on": "NULL::timestamptz AS moment, a.scheduled_on AS day",
    "a.created_at": "a.created_at AS moment, NULL::date AS day",
}
OF_INDEX: Final[Mapping[str, LiteralString]] = {
    "a.scheduled_at": "a.scheduled_at IS NOT NULL",
    "a.scheduled_on": "a.scheduled_on IS NOT NULL",
    "a.created_at": "a.scheduled_at IS NULL AND a.scheduled_on IS NULL",
}

SELECT_TASKS: Final = "SELECT" + ACTIVITY_COLUMNS + "FROM activities a WHERE a.tenant_id = $1 AND a.id = ANY($2)"


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose tasks, which sections, and how many of each; `after`: due time and id that one section goes on behind."""

    tenant_id: UUID
    user_id: UUID
    sections: Collection[Section]
    borders: Borders
    limit: int
    after: tuple[datetime, UUID] | None = None


@dataclass(frozen=True, slots=True)
class SectionPage:
    """`count` of the whole section; `last`: due time and id of the last item, where more follow."""

    count: int
    items: Sequence[Mapping[str, Any]]
    last: tuple[datetime, UUID] | None


async def find_zone(connection: Connection, caller: Caller, user_id: UUID) -> str | None:
    """Return the IANA name of the user's time zone; None for a user who is not known here, or not in sight."""
    where = add_visible(Where(caller.tenant_id).add("u.id = {}", user_id), caller, "u.id")
    zone: str | None = await connection.fetchval(FIND_ZONE + where.sql, *where.parameters)
    return zone


async def load_inbox(connection: Connection, asked: Asked) -> dict[Section, SectionPage]:
    """Return the sections in their order. `connection` must see one moment throughout."""
    rows = await select_inbox(asked).fetch(connection)
    counts = {Section(row["section"]): row["count"] for row in rows if row["count"] is not None}
    keys: dict[Section, list[tuple[datetime, UUID]]] = {section: [] for section in asked.sections}
    for row in rows:
        if row["count"] is None:
            keys[Section(row["section"])].append((due_of(row, asked.borders.zone), row["id"]))
    shown = {section: sorted(found)[: asked.limit] for section, found in keys.items()}
    wanted = [task_id for found in shown.values() for _, task_id in found]
    tasks = {row["id"]: dict(row) for row in await connection.fetch(SELECT_TASKS, asked.tenant_id, wanted)}
    return {
        section: SectionPage(
            counts[section],
            [tasks[task_id] for _, task_id in found],
            found[-1] if len(keys[section]) > asked.limit else None,
        )
        for section, found in shown.items()
    }


def select_inbox(asked: Asked) -> Statement:
    """Return the statement of each section's count and of the keys from which its page is merged."""
    values = Where(asked.tenant_id, asked.user_id)
    parts: list[str] = []
    for section in asked.sections:
        legs = list(list_legs(section, asked.borders))
        counted = [" (SELECT count(*)" + OPEN_TASKS + _to_range(leg, values) + ") " for leg in legs]
        named = "SELECT " + values.number(section) + "::text AS section, "
        parts.append(named + "NULL::uuid AS id, NULL::timestamptz AS moment, NULL::date AS day, " + "+".join(counted))
        for leg in legs:
            clause = _to_range(leg, values) + _to_begin(leg, asked, values)
            order = " ORDER BY " + leg.column + ", a.id LIMIT " + values.number(asked.limit + 1)
            keys = named + "a.id, " + SELECT_KEYS[leg.column] + ", NULL::bigint"
            parts.append(keys + OPEN_TASKS + clause + order)
    first, *others = parts
    sql = "(" + ") UNION ALL (".join([first + " AS count", *others]) + ")"
    return Statement(sql, values.parameters)


def _to_range(leg: Leg, values: Where) -> str:
    clauses = [OF_INDEX[leg.column]]
    if leg.after is not None:
        clauses.append(leg.column + " > " + values.number(leg.after))
    if leg.until is not None:
        clauses.append(leg.column + " <= " + values.number(leg.until))
    clauses += [leg.column + " <> " + values.number(day) for day in leg.without]
    return " AND ".join(clauses)


def _to_begin(leg: Leg, asked: Asked, values: Where) -> str:
    if asked.after is None:
        return ""
    due, task_id = asked.after
    value, has_same = begin_after(leg, due, asked.borders.zone)
    if not has_same:
        return " AND " + leg.column + " > " + values.number(value)
    bounds = values.number(value) + ", " + values.number(task_id)
    return " AND (" + leg.column + ", a.id) > (" + bounds + ")"
