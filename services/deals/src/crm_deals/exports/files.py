"""From rows of the list to lines of a file. Headers are the fields' names, so that an import needs no mapping."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from crm_shared.access import Caller
from crm_shared.database import Connection
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.custom_fields.values import to_text
from crm_shared.features.replicas.names import find_emails, find_names
from crm_shared.spreadsheets import PIECE_ROWS

COLUMNS: Final = (
    "id", "name", "pipeline_id", "pipeline", "stage_id", "stage", "status", "amount", "currency", "close_date",
    "contact_id", "contact", "company_id", "company", "owner_id", "owner", "stage_changed_at", "closed_at",
    "lost_reason", "description", "external_id", "created_at", "updated_at",
)  # fmt: skip
"""`pipeline`, `stage`, `contact`, `company` and `owner` are names beside the ids, for people."""

FIND_STAGES: Final = """
    SELECT s.id AS stage_id, s.name AS stage, p.name AS pipeline
      FROM stages s JOIN pipelines p ON p.tenant_id = s.tenant_id AND p.id = s.pipeline_id
     WHERE s.tenant_id = $1 AND s.id = ANY ($2)
"""


def list_headers(definitions: Definitions) -> list[str]:
    return [*COLUMNS, *(f"cf_{key}" for key in definitions.fields)]


async def to_lines(
    connection: Connection, caller: Caller, rows: Sequence[Mapping[str, Any]], headers: Sequence[str]
) -> list[list[object]]:
    """Return the cells of each row, with the names of contacts and companies that the caller may see."""
    emails = await find_emails(connection, caller.tenant_id, {row["owner_id"] for row in rows})
    stages = await connection.fetch(FIND_STAGES, caller.tenant_id, list({row["stage_id"] for row in rows}))
    places = {stage["stage_id"]: dict(stage) for stage in stages}
    referred = {(name, row[f"{name}_id"]) for name in ("contact", "company") for row in rows if row[f"{name}_id"]}
    names = await find_names(connection, caller, referred)
    lines = []
    async for row in in_turns(rows, at_once=PIECE_ROWS):
        named = {
            **row,
            **places.get(row["stage_id"], {}),
            "contact": names.get(("contact", row["contact_id"])),
            "company": names.get(("company", row["company_id"])),
            "owner": emails.get(row["owner_id"]),
        }
        custom = {f"cf_{key}": to_text(value) for key, value in row["custom_data"].items()}
        lines.append([named[name] if name in COLUMNS else custom.get(name) for name in headers])
    return lines
