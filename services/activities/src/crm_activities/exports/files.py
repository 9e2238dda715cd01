"""From rows of the list to lines of a file. Headers are the fields' names, so that an import needs no mapping."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.imports.value_forms import join_values
from crm_shared.features.replicas.names import find_emails, find_names
from crm_shared.json_text import to_json
from crm_shared.spreadsheets import PIECE_ROWS

COLUMNS: Final = (
    "id", "type", "subject", "body", "contact_id", "contact", "contact_ids", "deal_id", "deal", "user_id", "user",
    "occurred_at", "scheduled_at", "scheduled_on", "remind_at", "completed_at", "direction", "outcome", "duration_s",
    "location", "priority", "message_id", "in_reply_to", "reference_ids", "is_automatic", "thread_id", "attachments",
    "recurrence", "series_id", "recurrence_id", "external_id", "system_kind", "facts", "created_at", "updated_at",
)  # fmt: skip
"""`contact`, `deal` and `user` are names beside the ids, for people; an import goes by the ids."""

AS_JSON: Final = frozenset({"attachments", "recurrence", "facts"})
LISTS: Final = ("contact_ids", "reference_ids", "attachments")
PIECE_VALUES: Final = 10_000
"""Of rows' lists, written without letting others have the event loop: a row may have a thousand."""


async def to_lines(
    connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> list[list[object]]:
    """Return the cells of each row, with the names of contacts and deals that the caller may see."""
    users: Mapping[UUID | None, str] = {}
    records: Mapping[tuple[str, UUID | None], str] = {}
    if "user" in columns:
        users = await find_emails(connection, caller.tenant_id, {row["user_id"] for row in rows} - {None})
    named = [name for name in ("contact", "deal") if name in columns]
    if named:
        wanted = {(name, row[f"{name}_id"]) for name in named for row in rows if row[f"{name}_id"] is not None}
        records = await find_names(connection, caller, wanted)
    lines = []
    async for row in in_turns(rows, at_once=PIECE_ROWS, weigh=_count_values, at_most=PIECE_VALUES):
        names = {
            "user": users.get(row["user_id"]),
            "contact": records.get(("contact", row["contact_id"])),
            "deal": records.get(("deal", row["deal_id"])),
        }
        lines.append([_to_cell(name, names[name] if name in names else row[name]) for name in columns])
    return lines


def _count_values(row: Mapping[str, Any]) -> int:
    return 1 + sum(len(row[name] or ()) for name in LISTS)


def _to_cell(name: str, value: Any) -> object:
    if name in AS_JSON:
        return to_json(value).decode() if value else None
    if isinstance(value, list | tuple):
        return join_values(str(one) for one in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return value
