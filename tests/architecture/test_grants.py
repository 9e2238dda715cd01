"""A table that a migration makes has its line in the service's grants.toml: without one `migrate` stops."""

import re
import tomllib
from pathlib import Path

import pytest
from architecture.source_files import ROOT

from crm_shared.service_registry import SERVICES

MAKES_TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)[ (]")
DROPS_TABLE = re.compile(r"DROP TABLE (?:IF EXISTS )?([a-z_]+)")
IMPORTS_TABLES = re.compile(r"from crm_shared\.([a-z_.]+) import \w*(?:ddl|DDL)")
SHARED = ROOT / "libs/shared/src/crm_shared"
MIGRATIONS = {service: ROOT / "services" / service / "migrations" for service in SERVICES}


def tables_of(migrations: Path) -> set[str]:
    """Name the tables that a service's migrations make and leave, by themselves or by the shared texts they import."""
    texts = [file.read_text("utf-8") for file in migrations.glob("versions/*.py")]
    imported = {
        match for text in texts for match in re.findall(r"from crm_shared\.([a-z_.]+) import \w*(?:ddl|DDL)", text)
    }
    for module in imported:
        path = SHARED / Path(*module.split("."))
        files = [path.with_suffix(".py")] if path.with_suffix(".py").exists() else path.glob("schema.py")
        texts += [file.read_text("utf-8") for file in files]
    made, dropped = ({table for text in texts for table in found.findall(text)} for found in (MAKES_TABLE, DROPS_TABLE))
    return made - dropped


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_says_who_may_do_what_with_it(service: str) -> None:
    granted = tomllib.loads((MIGRATIONS[service] / "grants.toml").read_text("utf-8"))
    assert tables_of(MIGRATIONS[service]) - granted.keys() == set()
    assert all(rights.keys() == {"app", "worker"} for rights in granted.values())


def test_a_table_that_is_forgotten_is_found(tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    text = "from crm_shared.access.schema import directory_ddl\nX = '''CREATE TABLE forgotten (id uuid)'''"
    (tmp_path / "versions" / "0001.py").write_text(text)
    assert tables_of(tmp_path) == {"forgotten", "directory_tenants", "directory_users", "visible_owners"}
    (tmp_path / "versions" / "0002.py").write_text("X = 'DROP TABLE forgotten'")
    assert "forgotten" not in tables_of(tmp_path)
