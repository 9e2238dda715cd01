"""The SQL of the tables in each kind of warehouse, kept as golden files: what a first sync there runs."""

import os
import subprocess
from pathlib import Path

import pytest

from crm_testing.golden import Golden
from crm_warehouse.ddl import write_ddl, write_page
from crm_warehouse.settings import DestinationName

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("destination", ["duckdb", "snowflake"])
def test_ddl(golden: Golden, destination: DestinationName) -> None:
    golden.compare_text(f"{destination}.sql", write_ddl(destination))


def test_ddl_of_bigquery(golden: Golden) -> None:
    """Its client lives in an environment of its own, as an operator makes it."""
    command = [
        os.environ.get("UV", "uv"), "run", "--quiet", "--locked",
        "--with-requirements", "integrations/warehouse/bigquery.txt",
        "python", "-m", "crm_warehouse.cli", "schema", "--destination", "bigquery",
    ]  # fmt: skip
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert made.returncode == 0, made.stderr
    golden.compare_text("bigquery.sql", made.stdout)


def test_the_page_of_tables_is_what_the_code_declares() -> None:
    written = (ROOT / "docs" / "warehouse.md").read_text("utf-8")
    assert written == write_page(), "write it anew: uv run crm-warehouse schema --page > docs/warehouse.md"
