"""From rows of a list to lines of a file. Headers are the fields' names, so that an import needs no mapping."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.companies.domain import NewCompany
from crm_contacts.contacts.domain import NewContact
from crm_shared.access import Caller
from crm_shared.access.visibility import add_visible
from crm_shared.database import Connection, Where
from crm_shared.event_loop_turns import in_turns
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.custom_fields.values import to_text
from crm_shared.features.imports.value_forms import join_values
from crm_shared.record_fields import field_names
from crm_shared.spreadsheets import PIECE_ROWS, write_moment

NAME_OF_ID: Final = {"company_id": "company", "owner_id": "owner"}
"""Names beside the ids, for people; an import goes by the ids."""
NO_COLUMN: Final = {"phone_e164", "custom_data"}
"""What follows from the phone, and custom fields, each of which has a column of its own."""


def _list_columns(new: type[Any]) -> tuple[str, ...]:
    """List what can be given of a record, in the order of its fields, between its id and its times."""
    given = [name for name in field_names(new) if name not in NO_COLUMN]
    columns = [column for name in given for column in (name, NAME_OF_ID.get(name)) if column is not None]
    return ("id", *columns, "created_at", "updated_at")


CONTACT_COLUMNS: Final = _list_columns(NewContact)
COMPANY_COLUMNS: Final = _list_columns(NewCompany)

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
    """Return the cells of each row, with the names of owners and companies that the caller may see."""
    owners = await _find_owners(connection, caller, {row["owner_id"] for row in rows})
    wanted = {row["company_id"] for row in rows if "company" in columns} - {None}
    companies = await _find_companies(connection, caller, wanted)
    lines = []
    async for row in in_turns(rows, at_once=PIECE_ROWS):
        named = {**row, "owner": owners.get(row["owner_id"]), "company": companies.get(row.get("company_id"))}
        custom_data = row["custom_data"]
        cells = [_to_cell(named[name]) for name in columns]
        lines.append(cells + [to_text(custom_data.get(key)) for key in definitions.fields])
    return lines


def _to_cell(value: object) -> object:
    if isinstance(value, list | tuple):
        return join_values(value)
    return write_moment(value) if isinstance(value, datetime) else value


async def _find_owners(connection: Connection, caller: Caller, ids: set[UUID]) -> dict[UUID, str]:
    rows = await connection.fetch(FIND_OWNERS, caller.tenant_id, list(ids))
    return {row["id"]: row["email"] for row in rows}


async def _find_companies(connection: Connection, caller: Caller, ids: set[UUID]) -> dict[UUID | None, str]:
    if not ids:
        return {}
    where = add_visible(Where(caller.tenant_id, list(ids)), caller, "c.owner_id")
    rows = await connection.fetch(FIND_COMPANIES + where.sql, *where.parameters)
    return {row["id"]: row["name"] for row in rows}
