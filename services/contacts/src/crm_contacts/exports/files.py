"""From rows of a list to lines of a file. Headers are the fields' names, so that an import needs no mapping."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.imports.values import TAG_SEPARATOR
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.custom_fields import Definitions
from crm_shared.custom_fields.values import to_text
from crm_shared.database import Connection, Where

CONTACT_COLUMNS: Final = (
    "id", "first_name", "last_name", "email", "phone", "company_id", "company", "job_title", "source", "owner_id",
    "owner", "tags", "external_id", "created_at", "updated_at",
)  # fmt: skip
COMPANY_COLUMNS: Final = (
    "id", "name", "domain", "industry", "size", "website", "owner_id", "owner", "tags", "created_at", "updated_at",
)  # fmt: skip
"""`company` and `owner` are names beside the ids, for people; an import goes by the ids."""

FIND_OWNERS: Final = "SELECT id, email FROM directory_users WHERE tenant_id = $1 AND id = ANY ($2)"
FIND_COMPANIES: Final = "SELECT c.id, c.name FROM companies c WHERE c.tenant_id = $1 AND c.id = ANY ($2) AND "


def list_headers(columns: Sequence[str], definitions: Definitions) -> list[str]:
    return [*columns, *(f"cf_{key}" for key in definitions.fields)]


async def to_lines(
    connection: Connection,
    caller: Caller,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    definitions: Definitions,
) -> list[list[object]]:
    """Give the cells of each row, with the names of owners and companies that the caller may see."""
    owners = await _find_owners(connection, caller, {row["owner_id"] for row in rows})
    wanted = {row["company_id"] for row in rows if "company" in columns} - {None}
    companies = await _find_companies(connection, caller, wanted)
    lines = []
    for row in rows:
        named = {**row, "owner": owners.get(row["owner_id"]), "company": companies.get(row.get("company_id"))}
        custom_data = row["custom_data"]
        cells = [_to_cell(named[name]) for name in columns]
        lines.append(cells + [to_text(custom_data.get(key)) for key in definitions.fields])
    return lines


def _to_cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return TAG_SEPARATOR.join(value)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


async def _find_owners(connection: Connection, caller: Caller, ids: set[UUID]) -> dict[UUID, str]:
    rows = await connection.fetch(FIND_OWNERS, caller.tenant_id, list(ids))
    return {row["id"]: row["email"] for row in rows}


async def _find_companies(connection: Connection, caller: Caller, ids: set[UUID]) -> dict[UUID | None, str]:
    if not ids:
        return {}
    where = add_visible(Where(caller.tenant_id, list(ids)), caller, "c.owner_id")
    rows = await connection.fetch(FIND_COMPANIES + where.sql, *where.parameters)
    return {row["id"]: row["name"] for row in rows}
