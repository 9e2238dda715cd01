"""SQL that writes and loads imports, their files, their errors, and what they wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from crm_contacts.imports.domain import (
    Import,
    ImportedType,
    ImportMode,
    ImportNotFound,
    ImportStatus,
    Revert,
    RowProblem,
)
from crm_shared.database import Connection, Transaction

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
    INSERT INTO import_chunks (tenant_id, import_id, number, written_at, created_ids, updated_ids, updated_versions)
    SELECT $1, $2, coalesce(max(c.number), 0) + 1, $3, $4, $5, $6
      FROM import_chunks c WHERE c.tenant_id = $1 AND c.import_id = $2
"""

MAX_REASON: Final = 1000
MAX_STORED_CELL: Final = 1000
"""Characters of a cell that the errors file gives back: enough to find it by."""


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
    """Give one piece of the file, b"" after the last."""
    return bytes(await connection.fetchval(LOAD_PIECE, tenant_id, import_id, number) or b"")


async def delete_pieces(transaction: Transaction, tenant_id: UUID, import_id: UUID) -> None:
    await transaction.execute(DELETE_PIECES, tenant_id, import_id)


async def add_errors(transaction: Transaction, job: Import, problems: Sequence[RowProblem]) -> None:
    """Keep what was wrong with rows, and their cells."""
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
                "cells": [cell.replace("\x00", "\ufffd")[:MAX_STORED_CELL] for cell in problem.cells],
            }
        )
    await transaction.execute(ADD_ERRORS, job.tenant_id, job.id, rows)


async def add_chunk(
    transaction: Transaction,
    job: Import,
    *,
    written_at: object,
    created_ids: Sequence[UUID],
    updated: Mapping[UUID, int],
) -> None:
    """Keep what one transaction wrote, so that it can be taken back."""
    if created_ids or updated:
        await transaction.execute(
            ADD_CHUNK, job.tenant_id, job.id, written_at, created_ids, list(updated), list(updated.values())
        )


def to_import(row: Mapping[str, Any]) -> Import:
    values = {name: row[name] for name in COLUMNS}
    return Import(
        **{
            **values,
            "entity_type": ImportedType(values["entity_type"]),
            "mode": ImportMode(values["mode"]),
            "status": ImportStatus(values["status"]),
            "reverted": None if values["reverted"] is None else _to_revert(values["reverted"]),
            "columns": [(header, field) for header, field in values["columns"]],
        }
    )


def _to_revert(stored: Mapping[str, Any]) -> Revert:
    return Revert(**{**stored, "by": UUID(stored["by"])})


def _to_row(job: Import) -> tuple[Any, ...]:
    return tuple(getattr(job, name) for name in COLUMNS)
