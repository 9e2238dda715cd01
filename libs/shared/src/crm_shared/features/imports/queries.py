"""SQL that reads imports for the API."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final
from uuid import UUID

from crm_shared.access import Caller, Permission
from crm_shared.database import Connection, Database, Where
from crm_shared.features.imports.domain import Import, ImportNotFound
from crm_shared.features.imports.repository import IMPORT_COLUMNS, to_import
from crm_shared.features.imports.states import to_state
from crm_shared.listing import ListStatement, Page, Rows, select_page

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
    """Read one import, the caller's own or, with SEE_ALL_IMPORTS, anybody's. Raises ImportNotFound."""
    where = _add_own(Where(caller.tenant_id).add("i.id = {}", import_id), caller)
    row = await connection.fetchrow(SELECT_IMPORTS + where.sql, *where.parameters)
    if row is None:
        raise ImportNotFound
    return to_import(row)


def select_imports(caller: Caller, page: Page, *, status: str | None, entity_type: str | None) -> ListStatement:
    where = _add_own(Where(caller.tenant_id), caller)
    if status is not None:
        where.add("i.status = {}", status)
    if entity_type is not None:
        where.add("i.entity_type = {}", entity_type)
    return select_page(SELECT_IMPORTS, where, page)


async def list_imports(connection: Connection, statement: ListStatement) -> Rows:
    """Read imports as GET answers them."""
    return [to_state(to_import(row)) for row in await statement.fetch(connection)]


async def walk_errors(database: Database, job: Import) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Yield what was wrong with rows, page by page in the file's order; no connection is held between pages."""
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
    return where if caller.can(Permission.SEE_ALL_IMPORTS) else where.add("i.created_by = {}", caller.user_id)
