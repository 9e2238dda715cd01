"""Which records that are there the rows of a chunk are about, and how an export writes them."""

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from crm_shared.access import Caller
from crm_shared.database import Connection, Where
from crm_shared.features.custom_fields import Definitions
from crm_shared.features.imports.adapter import AnyAdapter
from crm_shared.features.imports.references import RowKey
from crm_shared.spreadsheets import write_moment

MANY: Final = "more than one record is found by it"

# Folded before the join: under row-level security a comparison with a function's result can't use an index.
_WANTED: Final = """
    WITH wanted AS MATERIALIZED (
        SELECT given.number, given.field, given.value, fold_case(given.value) AS key,
               CASE given.field WHEN 'id' THEN given.value::uuid END AS id,
               fold_case(given.first_name) AS first_key, fold_case(given.last_name) AS last_key
          FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
               WITH ORDINALITY AS given (field, value, first_name, last_name, number)
    ), found AS (
"""
_SEEN: Final = """
    )
    SELECT r.number, r.id FROM found r WHERE """


async def find_matches(
    connection: Connection, caller: Caller, keys: Collection[RowKey], kind: AnyAdapter
) -> dict[RowKey, UUID | str]:
    """Return the record of each key that the caller sees one of; a reason against it where they see several."""
    if not keys:
        return {}
    numbered = list(keys)
    where = Where(caller.tenant_id, *(list(column) for column in zip(*numbered, strict=True)))
    kind.add_visibility(where, caller)
    found: dict[RowKey, UUID | str] = {}
    for row in await connection.fetch(_WANTED + kind.find + _SEEN + where.sql, *where.parameters):
        key = numbered[row["number"] - 1]
        found[key] = MANY if key in found else row["id"]
    return found


async def load_present(
    connection: Connection,
    caller: Caller,
    record_ids: Collection[UUID],
    kind: AnyAdapter,
    definitions: Definitions,
) -> dict[UUID, dict[str, str]]:
    """Return these records as an export writes them: its cells by column, without those that are empty."""
    if not record_ids:
        return {}
    rows = [dict(row) for row in await connection.fetch(kind.select, caller.tenant_id, list(record_ids))]
    headers, lines = await kind.write_cells(connection, caller, rows, definitions)
    present: dict[UUID, dict[str, str]] = {}
    for row, line in zip(rows, lines, strict=True):
        cells = zip(headers, line, strict=True)
        present[row["id"]] = {name: _to_text(cell) for name, cell in cells if cell is not None}
    return present


def _to_text(cell: object) -> str:
    return write_moment(cell) if isinstance(cell, datetime) else str(cell).strip()
