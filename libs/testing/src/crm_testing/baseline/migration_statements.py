"""The SQL that migrations run, by revision, and what squawk says of it: locks that hold others up, and narrowing."""

import json
import re
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

_VERSION_TABLE: Final = "alembic_version"
_WRITES_REVISION: Final = re.compile(rf"(?:UPDATE|INSERT INTO) {_VERSION_TABLE}\b[^']*'(\w+)'")
_COMMENT: Final = re.compile(r"--.*$", re.MULTILINE)
_PARAMETER: Final = re.compile(r"%\(\w+\)s(?:::\w+)?")
SQUAWK: Final = Path(sysconfig.get_path("scripts")) / "squawk"
POSTGRES_VERSION: Final = "18"
IGNORED: Final = frozenset(
    {
        "ban-char-field",  # taste, as are those that begin with prefer
        "renaming-object",  # an index takes its predecessor's name; of tables and views the comparison of shapes tells
        "require-lock-timeout",  # `migrate` sets it for all of its statements
        "require-statement-timeout",  # what is long runs beside the writers: the rules of indexes and constraints
    }
)
"""Rules of squawk that say nothing of old code or of locks."""


@dataclass
class Statements:
    """What engines ran while recording, by database."""

    run: list[tuple[str, "Ran"]] = field(default_factory=list)

    def of_database(self, name: str) -> "dict[str, Sequence[Ran]]":
        """Return the statements of each migration: Alembic writes a revision down once its own have run."""
        found: dict[str, Sequence[Ran]] = {}
        waiting: list[Ran] = []
        for ran in (ran for database, ran in self.run if database == name):
            if revision := _read_revision(ran.statement):
                found[revision] = [one for one in waiting if _is_of_migration(one.statement)]
                waiting = []
            else:
                waiting.append(ran)
        return found


@dataclass(frozen=True, slots=True)
class Ran:
    """One statement; `alone`: in no transaction, so that its locks go with it."""

    statement: str
    alone: bool = False


@contextmanager
def recording() -> Iterator[Statements]:
    """Write down what SQLAlchemy's engines run in the block. No other test migrates in this process meanwhile."""
    statements = Statements()

    def note(connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
        statements.run.append((str(connection.engine.url.database), Ran(statement, alone)))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def list_lock_breaks(ran: Sequence[Ran]) -> Iterator[str]:
    """Yield what squawk finds in one migration, as `rule: statement`."""
    lines = list(_list_lines(ran))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "migration.sql"
        file.write_text("\n".join(lines) + "\n", "utf-8")
        command = [str(SQUAWK), "--reporter", "json", "--pg-version", POSTGRES_VERSION, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a package's program
        if not done.stdout:
            raise RuntimeError(f"squawk: {done.stderr}")
    for one in json.loads(done.stdout):
        rule = one["rule_name"]
        if rule not in IGNORED and not rule.startswith("prefer-"):
            yield f"{rule}: {lines[one['line']]}"


def _list_lines(ran: Sequence[Ran]) -> Iterator[str]:
    """Yield each statement as one line, by which squawk tells of it, without comments and with NULL for parameters."""
    for alone, statements in groupby(ran, key=lambda one: one.alone):
        yield from () if alone else ("BEGIN;",)
        for one in statements:
            text = _PARAMETER.sub("NULL", _COMMENT.sub("", one.statement)).replace("%%", "%")
            yield " ".join(text.split()).removesuffix(";") + ";"
        yield from () if alone else ("COMMIT;",)


def _read_revision(statement: str) -> str | None:
    found = _WRITES_REVISION.search(statement)
    return found[1] if found else None


def _is_of_migration(statement: str) -> bool:
    """Alembic and `migrate` ask and lock for themselves too."""
    return _VERSION_TABLE not in statement and "pg_advisory_lock" not in statement
