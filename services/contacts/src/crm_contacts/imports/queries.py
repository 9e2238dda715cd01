"""SQL that reads imports for the API."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from crm_contacts.imports.domain import Import, ImportNotFound
from crm_contacts.imports.repository import IMPORT_COLUMNS, to_import
from crm_contacts.imports.schemas import ImportList
from crm_contacts.imports.states import to_state
from crm_shared.access import Caller
from crm_shared.database import Connection, Database, Where
from crm_shared.http.cursors import Order, SortField

ORDER: Final = Order("-created_at", SortField("i.created_at", datetime), is_descending=True, id_column="i.id")
PAGE_ERRORS: Final = 1000

SELECT_IMPORTS: Final = "SELECT " + IMPORT_COLUMNS + " FROM imports i WHERE i.tenant_id = $1 AND "  # noqa: S608 - columns

SELECT_ERRORS: Final = """
    SELECT e.line, e.number, e.field, e.reason, e.cells
      FROM import_errors e
     WHERE e.tenant_id = $1 AND e.import_id = $2 AND (e.line, e.number) > ($3, $4)
     ORDER BY e.line, e.number
     LIMIT $5
"""


async def load_import(connection: Connection, caller: Caller, import_id: UUID) -> Import:
    """Read one import, the caller's own or, for an ADMIN, anybody's. Raises ImportNotFound."""
    where = _add_own(Where(caller.tenant_id).add("i.id = {}", import_id), caller)
    row = await connection.fetchrow(SELECT_IMPORTS + where.sql, *where.parameters)
    if row is None:
        raise ImportNotFound
    return to_import(row)


async def list_imports(connection: Connection, caller: Caller, query: ImportList) -> Sequence[Mapping[str, Any]]:
    """Give up to `limit` + 1 imports as GET answers them, newest first."""
    where = _add_own(Where(caller.tenant_id), caller)
    if query.status is not None:
        where.add("i.status = {}", query.status)
    if query.entity_type is not None:
        where.add("i.entity_type = {}", query.entity_type)
    ORDER.add_after(where, query.cursor)
    page = where.number(query.limit + 1)
    rows = await connection.fetch(
        SELECT_IMPORTS + where.sql + " ORDER BY " + ORDER.sql + " LIMIT " + page, *where.parameters
    )
    return [to_state(to_import(row)) for row in rows]


async def walk_errors(database: Database, job: Import) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Give what was wrong with rows, page by page in the file's order; no connection is held between pages."""
    after = (-1, 0)
    while True:
        async with database.read(job.tenant_id) as connection:
            rows = await connection.fetch(SELECT_ERRORS, job.tenant_id, job.id, *after, PAGE_ERRORS)
        if rows:
            yield [dict(row) for row in rows]
        if len(rows) < PAGE_ERRORS:
            return
        after = (rows[-1]["line"], rows[-1]["number"])


def _add_own(where: Where, caller: Caller) -> Where:
    return where if caller.is_admin else where.add("i.created_by = {}", caller.user_id)
