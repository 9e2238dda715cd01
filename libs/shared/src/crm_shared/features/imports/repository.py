"""SQL that writes and loads imports, their files, their errors, and what they wrote."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from crm_shared.database import Connection, Transaction
from crm_shared.features.imports.domain import (
    Import,
    ImportedType,
    ImportMode,
    ImportNotFound,
    ImportOptions,
    ImportStatus,
    OnMissingCompany,
    Revert,
)
from crm_shared.features.imports.encodings import LOST_LETTER
from crm_shared.features.imports.error_files import RowKey
from crm_shared.features.imports.problems import RowProblem, Warned
from crm_shared.features.imports.value_forms import FileForms

COLUMNS: Final = tuple(field.name for field in fields(Import))
IMPORT_COLUMNS: Final = ", ".join(f"i.{name}" for name in COLUMNS)

INSERT_IMPORT: Final = (
    "INSERT INTO imports (" + ", ".join(COLUMNS) + ") VALUES ("  # noqa: S608 - names of columns
    + ", ".join(f"${number}" for number, _ in enumerate(COLUMNS, 1)) + ")"
)  # fmt: skip

FROM_IMPORT: Final = "SELECT " + IMPORT_COLUMNS + " FROM imports i WHERE i.tenant_id = $1 AND i.id = $2"  # noqa: S608 - likewise
FOR_UPDATE: Final = " FOR NO KEY UPDATE"

UPDATE_IMPORT: Final = (
    "UPDATE imports SET " + ", ".join(f"{name} = ${number}" for number, name in enumerate(COLUMNS, 1))  # noqa: S608
    + " WHERE tenant_id = $1 AND id = $2"
)  # fmt: skip

STORE_PIECE: Final = "INSERT INTO import_pieces (tenant_id, import_id, number, data) VALUES ($1, $2, $3, $4)"
LOAD_PIECE: Final = "SELECT data FROM import_pieces WHERE tenant_id = $1 AND import_id = $2 AND number = $3"
DELETE_PIECES: Final = "DELETE FROM import_pieces WHERE tenant_id = $1 AND import_id = $2"

ADD_ERRORS: Final = """
    INSERT INTO import_errors (tenant_id, import_id, line, number, field, reason, cells)
    SELECT $1, $2, problem.line, problem.number, problem.field, problem.reason, problem.cells
      FROM jsonb_to_recordset($3) AS problem (line bigint, number integer, field text, reason text, cells text[])
    ON CONFLICT DO NOTHING
"""

ADD_CHUNK: Final = """
    INSERT INTO import_chunks
           (tenant_id, import_id, number, written_at, created_ids, updated_ids, updated_versions, entity_type)
    SELECT $1, $2, coalesce(max(c.number), 0) + 1, $3, $4, $5, $6, $7
      FROM import_chunks c WHERE c.tenant_id = $1 AND c.import_id = $2
"""

FIND_TAKEN: Final = """
    SELECT t.source_id, t.line
      FROM import_taken_rows t
      JOIN unnest($3::uuid[], $4::bigint[]) AS wanted (source_id, line) USING (source_id, line)
     WHERE t.tenant_id = $1 AND t.import_id <> $2
"""
TAKE: Final = """
    INSERT INTO import_taken_rows (tenant_id, import_id, source_id, line)
    SELECT $1, $2, taken.source_id, taken.line
      FROM (SELECT DISTINCT source_id, line FROM unnest($3::uuid[], $4::bigint[]) AS given (source_id, line)
             ORDER BY 1, 2) AS taken
    ON CONFLICT DO NOTHING
"""
GIVE_BACK: Final = "DELETE FROM import_taken_rows WHERE tenant_id = $1 AND import_id = $2"

MAX_REASON: Final = 1000


async def insert(transaction: Transaction, job: Import) -> None:
    await transaction.execute(INSERT_IMPORT, *_to_row(job))


async def save(transaction: Transaction, job: Import) -> None:
    await transaction.execute(UPDATE_IMPORT, *_to_row(job))


async def load_for_update(transaction: Transaction, tenant_id: UUID, import_id: UUID) -> Import:
    """Lock the import. Raises ImportNotFound."""
    row = await transaction.fetchrow(FROM_IMPORT + FOR_UPDATE, tenant_id, import_id)
    if row is None:
        raise ImportNotFound
    return to_import(row)


async def store_piece(transaction: Transaction, tenant_id: UUID, import_id: UUID, number: int, data: bytes) -> None:
    await transaction.execute(STORE_PIECE, tenant_id, import_id, number, data)


async def load_piece(connection: Connection, tenant_id: UUID, import_id: UUID, number: int) -> bytes:
    """Return one piece of the file, b"" after the last."""
    return bytes(await connection.fetchval(LOAD_PIECE, tenant_id, import_id, number) or b"")


async def delete_pieces(transaction: Transaction, tenant_id: UUID, import_id: UUID) -> None:
    await transaction.execute(DELETE_PIECES, tenant_id, import_id)


async def add_errors(transaction: Transaction, job: Import, problems: Sequence[RowProblem]) -> None:
    """Keep what was wrong with rows, and once for each row its cells."""
    if not problems:
        return
    counts: dict[int, int] = {}
    rows = []
    for problem in problems:
        counts[problem.line] = counts.get(problem.line, 0) + 1
        rows.append(
            {
                "line": problem.line,
                "number": counts[problem.line],
                "field": problem.field,
                "reason": problem.reason[:MAX_REASON],
                # With the first of a row's problems alone: a row may be long, and have as many as it has columns.
                "cells": [cell.replace("\x00", LOST_LETTER) for cell in problem.cells if counts[problem.line] == 1],
            }
        )
    await transaction.execute(ADD_ERRORS, job.tenant_id, job.id, rows)


async def add_chunk(
    transaction: Transaction,
    job: Import,
    *,
    written_at: object,
    created_ids: Sequence[UUID],
    updated: Sequence[tuple[UUID, int]],
    entity_type: ImportedType | None = None,
) -> None:
    """Keep what one transaction wrote, so that it can be taken back. `entity_type`: if not the import's own."""
    if created_ids or updated:
        await transaction.execute(
            ADD_CHUNK,
            job.tenant_id,
            job.id,
            written_at,
            created_ids,
            [record_id for record_id, _ in updated],
            [version for _, version in updated],
            entity_type,
        )


class RowsTaken(Exception):
    """Another import has taken some of these rows meanwhile; a fresh look leaves them out."""


async def find_taken(connection: Connection, job: Import, keys: Collection[RowKey]) -> frozenset[RowKey]:
    """Return those of the rows that another import has taken."""
    rows = await connection.fetch(FIND_TAKEN, job.tenant_id, job.id, [one[0] for one in keys], [one[1] for one in keys])
    return frozenset(RowKey(row["source_id"], row["line"]) for row in rows)


async def take_rows(transaction: Transaction, job: Import, keys: Collection[RowKey]) -> None:
    """Remember that the import took these rows. Raises RowsTaken."""
    if keys:
        columns = [one.source_id for one in keys], [one.line for one in keys]
        await transaction.execute(TAKE, job.tenant_id, job.id, *columns)
        if await find_taken(transaction, job, keys):
            raise RowsTaken


async def give_back_rows(transaction: Transaction, job: Import) -> None:
    await transaction.execute(GIVE_BACK, job.tenant_id, job.id)


def to_import(row: Mapping[str, Any]) -> Import:
    values = {name: row[name] for name in COLUMNS}
    return Import(
        **{
            **values,
            "entity_type": ImportedType(values["entity_type"]),
            "mode": ImportMode(values["mode"]),
            "status": ImportStatus(values["status"]),
            "reverted": None if values["reverted"] is None else _to_revert(values["reverted"]),
            "options": _to_options(values["options"]),
            "warnings": [Warned(*warned) for warned in values["warnings"]],
            "columns": [(header, field) for header, field in values["columns"]],
        }
    )


def _to_options(stored: Mapping[str, Any]) -> ImportOptions:
    read = {
        **stored,
        "forms": FileForms(**stored.get("forms", {})),
        "on_missing_company": OnMissingCompany(stored.get("on_missing_company", OnMissingCompany.FAIL)),
    }
    return ImportOptions(**read)


def _to_revert(stored: Mapping[str, Any]) -> Revert:
    return Revert(**{**stored, "by": UUID(stored["by"])})


def _to_row(job: Import) -> tuple[Any, ...]:
    return tuple(getattr(job, name) for name in COLUMNS)
