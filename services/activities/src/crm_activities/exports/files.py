"""From rows of the list to lines of a file. Headers are the fields' names, so that an import needs no mapping."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.json_text import to_json

COLUMNS: Final = (
    "id", "type", "subject", "body", "contact_id", "contact", "contact_ids", "deal_id", "deal", "user_id", "user",
    "occurred_at", "scheduled_at", "scheduled_on", "remind_at", "completed_at", "direction", "outcome", "duration_s",
    "location", "priority", "message_id", "in_reply_to", "reference_ids", "is_automatic", "thread_id", "attachments",
    "recurrence", "series_id", "recurrence_id", "external_id", "system_kind", "facts", "created_at", "updated_at",
)  # fmt: skip
"""`contact`, `deal` and `user` are names beside the ids, for people; an import goes by the ids."""

SEPARATOR: Final = ";"
AS_JSON: Final = frozenset({"attachments", "recurrence", "facts"})

FIND_USERS: Final = "SELECT id, email FROM directory_users WHERE tenant_id = $1 AND id = ANY ($2)"

CONTACT_OF_RECORD: LiteralString = "CASE r.aggregate WHEN 'contact' THEN r.id ELSE r.contact_id END"
FIND_RECORDS: Final = """
    SELECT r.aggregate, r.id, r.name
      FROM replica_records r
      JOIN unnest($2::text[], $3::uuid[]) AS wanted (aggregate, id) USING (aggregate, id)
     WHERE r.tenant_id = $1 AND NOT r.is_deleted AND """


async def to_lines(
    connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> list[list[object]]:
    """Return the cells of each row, with the names of contacts and deals that the caller may see."""
    users: Mapping[UUID | None, str] = {}
    records: Mapping[tuple[str, UUID | None], str] = {}
    if "user" in columns:
        users = await _find_users(connection, caller, {row["user_id"] for row in rows} - {None})
    named = [name for name in ("contact", "deal") if name in columns]
    if named:
        wanted = {(name, row[f"{name}_id"]) for name in named for row in rows if row[f"{name}_id"] is not None}
        records = await _find_records(connection, caller, wanted)
    lines = []
    for row in rows:
        names = {
            "user": users.get(row["user_id"]),
            "contact": records.get(("contact", row["contact_id"])),
            "deal": records.get(("deal", row["deal_id"])),
        }
        lines.append([_to_cell(name, names[name] if name in names else row[name]) for name in columns])
    return lines


def _to_cell(name: str, value: Any) -> object:
    if name in AS_JSON:
        return to_json(value).decode() if value else None
    if isinstance(value, list | tuple):
        return SEPARATOR.join(str(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


async def _find_users(connection: Connection, caller: Caller, ids: Collection[UUID]) -> dict[UUID | None, str]:
    rows = await connection.fetch(FIND_USERS, caller.tenant_id, list(ids))
    return {row["id"]: row["email"] for row in rows}


async def _find_records(
    connection: Connection, caller: Caller, wanted: Collection[tuple[str, UUID]]
) -> dict[tuple[str, UUID | None], str]:
    """Return the names, by (aggregate, id), of those that the caller sees."""
    keys = list(wanted)
    where = Where(caller.tenant_id, [aggregate for aggregate, _ in keys], [record_id for _, record_id in keys])
    add_visible(where, caller, "r.owner_id", contact_id=CONTACT_OF_RECORD)
    rows = await connection.fetch(FIND_RECORDS + where.sql, *where.parameters)
    return {(row["aggregate"], row["id"]): row["name"] for row in rows}
