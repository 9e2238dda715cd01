"""The second guard of time: a CHECK that no column holds a moment or a day outside `crm_shared.time_window`.

The first is at every door. This one stands for the doors that are yet to come, and for infinity above all: a sum
that has taken it in never gets rid of it.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog
from alembic import op
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from crm_shared.database.pool import Connection

logger = structlog.get_logger(__name__)

# Both are days too: of a date column PostgreSQL reads the first part alone.
_FIRST: Final = "'1900-01-01 00:00:00+00'"
_LAST: Final = "'2200-12-31 23:59:59.999999+00'"

# Without an owner's policy FORCE hides every row from whom the table belongs to.
_REPAIR: Final = """
    CREATE POLICY owner_repairs ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)
"""


def range_condition(columns: Sequence[str]) -> str:
    """Return the condition; what is null is in the window."""
    return " AND ".join(f"{name} BETWEEN {_FIRST} AND {_LAST}" for name in columns)


def range_check(table: str, columns: Sequence[str]) -> str:
    """Return the SQL for a migration that makes `table`."""
    return f"ALTER TABLE {table} ADD CONSTRAINT {table}_in_time CHECK ({range_condition(columns)});"


def build_range_checks(checks: Mapping[str, Sequence[str]], *, published: Collection[str] = ()) -> list[str]:
    """Add the check to tables in use; return those in which something had to be brought into the window.

    No statement holds a lock for long that keeps others from writing: the check holds for new rows at once, and old
    ones are read afterwards. One outside goes to the window's nearer end, as otherwise nothing could ever be written
    to its row again. `published`: records that others are told of. Their version rises, so that `republish` brings the
    mended ones to all who know them. Safe to run again after it was interrupted.
    """
    with op.get_context().autocommit_block():
        return [
            table for table, columns in checks.items() if _build_check(table, columns, is_published=table in published)
        ]


def _build_check(table: str, columns: Sequence[str], *, is_published: bool) -> bool:
    name = f"{table}_in_time"
    found = op.get_bind().execute(
        text("SELECT FROM pg_constraint WHERE conrelid = CAST(:table AS regclass) AND conname = :name"),
        {"table": table, "name": name},
    )
    if found.first() is None:
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({range_condition(columns)}) NOT VALID")
    try:
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
    except IntegrityError:
        _repair(table, columns, is_published=is_published)
        op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        return True
    return False


def _repair(table: str, columns: Sequence[str], *, is_published: bool) -> None:
    changes = [
        f"{name} = CASE WHEN {name} < {_FIRST} THEN {_FIRST} WHEN {name} > {_LAST} THEN {_LAST} ELSE {name} END"
        for name in columns
    ]
    if is_published:
        changes.append("version = version + 1")
    op.execute(f"DROP POLICY IF EXISTS owner_repairs ON {table}")
    op.execute(_REPAIR.format(table=table))
    repaired = op.get_bind().execute(
        text(f"UPDATE {table} SET {', '.join(changes)} WHERE NOT ({range_condition(columns)})")  # noqa: S608 - our own names
    )
    op.execute(f"DROP POLICY owner_repairs ON {table}")
    logger.warning(
        "moments outside 1900 to 2200 brought in", table=table, rows=repaired.rowcount, republish=is_published
    )


LIST_COLUMNS: Final = """
    SELECT c.relname AS table, a.attname AS column, a.atttypid::regtype::text AS kind,
           (SELECT string_agg(format('(%s)', pg_get_expr(k.conbin, k.conrelid)), ' AND ')
              FROM pg_constraint k
             WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated AND a.attnum = ANY (k.conkey)
               AND k.conname = c.relname || '_in_time') AS held
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p') AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
     ORDER BY c.relname, a.attnum
"""

_INSIDE: Final[Sequence[str]] = ("1900-01-01 00:00:00+00", "2026-11-22 03:51:54+00", "2200-12-31 23:59:59.999999+00")
_OUTSIDE: Final[Sequence[str]] = ("-infinity", "1899-12-31 00:00:00+00", "2201-01-01 00:00:00+00", "infinity")


async def list_unchecked_times(connection: Connection) -> list[str]:
    """Name the columns, as table.column, that would take what is out of the window, or refuse what is in it.

    Each check is asked, not only looked for: a condition may be there and wrong.
    """
    rows = await connection.fetch(LIST_COLUMNS)
    kinds: dict[str, dict[str, str]] = {}
    for row in rows:
        kinds.setdefault(row["table"], {})[row["column"]] = row["kind"]
    return [
        f"{row['table']}.{row['column']}"
        for row in rows
        if row["held"] is None or not await _holds(connection, row["held"], row["column"], kinds[row["table"]])
    ]


async def _holds(connection: Connection, check: str, column: str, kinds: Mapping[str, str]) -> bool:
    others = ", ".join(f"NULL::{kind} AS {name}" for name, kind in kinds.items() if name != column)
    names = f"value::{kinds[column]} AS {column}{', ' if others else ''}{others}"
    row = f"SELECT {names} FROM unnest($1::text[]) AS value"  # noqa: S608 - here and below: PostgreSQL's own words
    passing = f"SELECT count(*) FROM ({row}) AS written WHERE ({check}) IS NOT FALSE"  # noqa: S608
    inside, outside = [await connection.fetchval(passing, list(values)) for values in (_INSIDE, _OUTSIDE)]
    return bool(inside == len(_INSIDE) and outside == 0)
