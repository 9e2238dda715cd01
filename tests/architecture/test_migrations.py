"""A service's migrations are one line: two that were written side by side are put in order before either is run."""

import re
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
TABLES = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
PLAIN_INDEXES = re.compile(r"CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?(?!CONCURRENTLY)\w+\s+ON (\w+)")
BUILT_PLAINLY = {
    "activities": {
        "0002": "before the rule",
        "0003": "before the rule",
        "0004": "before the rule",
        "0005": "before the rule",
        "0011": "doubles are marked under the same lock, so that none comes in between",
    },
    "contacts": {
        "0001": "the table is new: the directory's own DDL makes it",
        "0005": "before the rule",
        "0009": "before the rule",
    },
    "deals": {"0005": "before the rule", "0009": "before the rule", "0010": "before the rule"},
    "reporting": {"0002": "before the rule"},
}
"""Migrations that hold writers up while they build an index on a table that was there before, by revision, and why."""

REVISION = re.compile(r'^revision = "(?P<revision>\w+)"\ndown_revision = (?:None|"(?P<before>\w+)")$', re.MULTILINE)


def read_line(folder: Path) -> list[tuple[str, str | None]]:
    """Return each migration's revision and the one before it, in the order of their files."""
    line = []
    for path in sorted(folder.glob("*.py")):
        found = REVISION.search(path.read_text())
        assert found is not None, path
        assert path.name.startswith(f"{found['revision']}_"), path
        line.append((found["revision"], found["before"]))
    return line


def require_one_line(line: list[tuple[str, str | None]]) -> None:
    revisions = [revision for revision, _ in line]
    assert [before for _, before in line] == [None, *revisions[:-1]]
    assert len(set(revisions)) == len(revisions)


@pytest.mark.parametrize("folder", sorted(SERVICES.glob("*/migrations/versions")), ids=lambda folder: folder.parts[-3])
def test_migrations_follow_each_other(folder: Path) -> None:
    require_one_line(read_line(folder))


@pytest.mark.parametrize(
    "line",
    [
        [("0001", None), ("0002", "0001"), ("0002", "0001")],
        [("0001", None), ("0002", "0001"), ("0003", "0001")],
        [("0001", None), ("0003", "0002")],
    ],
)
def test_two_of_one_number_are_seen(line: list[tuple[str, str | None]]) -> None:
    with pytest.raises(AssertionError):
        require_one_line(line)


def list_plain_builds(text: str) -> list[str]:
    """Return the tables that were there before, and that a migration indexes while their writers wait."""
    made = set(TABLES.findall(text))
    return [table for table in PLAIN_INDEXES.findall(text) if table not in made]


@pytest.mark.parametrize("folder", sorted(SERVICES.glob("*/migrations/versions")), ids=lambda folder: folder.parts[-3])
def test_an_index_on_a_table_in_use_is_built_while_others_write(folder: Path) -> None:
    plain = {path.name[:4] for path in folder.glob("*.py") if list_plain_builds(path.read_text())}
    assert plain == set(BUILT_PLAINLY.get(folder.parts[-3], {}))


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("CREATE INDEX deals_by_name ON deals (tenant_id, name)", ["deals"]),
        ("CREATE UNIQUE INDEX IF NOT EXISTS deals_one\n    ON deals (tenant_id)", ["deals"]),
        ("CREATE INDEX CONCURRENTLY deals_by_name ON deals (tenant_id, name)", []),
        ("CREATE TABLE deals (id uuid); CREATE INDEX deals_by_name ON deals (id)", []),
    ],
)
def test_what_would_hold_writers_up_is_seen(text: str, tables: list[str]) -> None:
    assert list_plain_builds(text) == tables
