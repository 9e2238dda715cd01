"""A migration means what it meant: what each sends to a new database is kept, whatever the functions that spell it.

Many take the tables that all services have from one function of crm_shared. A change of it reaches databases that are
yet to be made and none that are there: that is a new migration's work. A new one joins by `--write-golden`.
"""

import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from crm_shared.service_registry import REGISTRY, SERVICES, Service
from crm_testing.golden import Golden
from crm_testing.upgrades import upgrading

ROOT: Final = Path(__file__).parents[2]
FIRST: Final = "0001"
MARKS_REVISION: Final = re.compile(
    r"(?:INSERT INTO alembic_version .*VALUES \('(\w+)'\)|UPDATE alembic_version SET version_num='(\w+)')", re.DOTALL
)

OF_NO_MIGRATION: Final = re.compile(r"alembic_version|pg_advisory_lock|^SET LOCAL lock_timeout = '3s'$")
"""Sent for each of them by who runs it."""


@contextmanager
def recording(statements: list[str]) -> Iterator[None]:
    """Add every statement that SQLAlchemy sends to `statements`, as it is sent."""

    def take(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append(f"{statement}\n-- with {parameters}" if parameters else statement)

    event.listen(Engine, "before_cursor_execute", take)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", take)


def by_revision(statements: list[str]) -> dict[str, list[str]]:
    """Return what each revision sent. What comes after the last is no migration's: the grants."""
    found: dict[str, list[str]] = {}
    sent: list[str] = []
    for statement in statements:
        if marks := MARKS_REVISION.search(statement):
            found[marks[1] or marks[2]] = sent
            sent = []
        elif not OF_NO_MIGRATION.search(statement):
            sent.append(textwrap.dedent(statement).strip())
    return found


@pytest.mark.engines
@pytest.mark.parametrize("service", REGISTRY, ids=SERVICES)
async def test_a_migration_sends_what_it_always_sent(service: Service, postgres_admin_dsn: str, golden: Golden) -> None:
    folder = ROOT / "services" / service.name / "migrations" / "versions"
    statements: list[str] = []
    with recording(statements):
        async with upgrading(service.name, folder, admin_dsn=postgres_admin_dsn, until=FIRST) as upgrade:
            await upgrade.finish()
    sent = by_revision(statements)
    assert list(sent) == [path.name[:4] for path in sorted(folder.glob("*.py"))]
    text = "\n".join(f"-- == {revision}\n" + ";\n\n".join(lines) + "\n" for revision, lines in sent.items())
    golden.compare_text(f"migrations_{service.name}.sql", text)


def test_statements_are_those_of_the_revision_that_they_come_before() -> None:
    sent = [
        "SELECT pg_advisory_lock(1)",
        "CREATE TABLE alembic_version (version_num)",
        "SET LOCAL lock_timeout = '3s'",
        "  CREATE TABLE one ()",
        "INSERT INTO alembic_version (version_num) VALUES ('0001') RETURNING version_num",
        "UPDATE alembic_version SET version_num='0002' WHERE version_num = '0001'",
        "GRANT SELECT ON one TO somebody",
    ]
    assert by_revision(sent) == {"0001": ["CREATE TABLE one ()"], "0002": []}
