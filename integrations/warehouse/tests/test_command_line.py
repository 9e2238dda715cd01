"""The command: it says what it needs and what went wrong, and no secret ever."""

import socket
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crm_reporting.cli import main as crm_reporting
from crm_warehouse.cli import main

PASSWORD = "zwirbelmann"


@pytest.fixture
def runner(tmp_path: Path) -> CliRunner:
    return CliRunner(
        env={
            "CRM_WAREHOUSE_DSN": "",
            "CRM_WAREHOUSE_WORK_DIR": str(tmp_path / "work"),
            "CRM_WAREHOUSE_DUCKDB_FILE": str(tmp_path / "warehouse.duckdb"),
            "CRM_ADMIN_DSN": "",
            "CRM_REPORTING_OWNER_DSN": "",
        }
    )


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["sync"], "needs CRM_WAREHOUSE_DSN"),
        (["sync", "--destination", "floppy"], "floppy"),
        (["sync", "--dataset", "Not A Name"], "dataset: String should match pattern"),
        (["sync", "--tenant", "7"], "--tenant"),
        (["access"], "needs CRM_ADMIN_DSN"),
        (["schema", "--destination", "filesystem"], "files have no DDL"),
    ],
    ids=["no DSN", "no such destination", "bad dataset", "bad tenant", "no administrator", "files"],
)
def test_a_wrong_call_says_what_is_wrong(runner: CliRunner, arguments: list[str], printed: str) -> None:
    result = runner.invoke(main, arguments)
    assert result.exit_code == 2
    assert printed in result.output


def test_a_database_that_is_away_is_said_without_its_password(runner: CliRunner, tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        dsn = tmp_path / "dsn"
        dsn.write_text(
            f"postgresql://reporting_warehouse:{PASSWORD}@127.0.0.1:{taken.getsockname()[1]}/crm_reporting\n"
        )
        result = runner.invoke(main, ["sync"], env={"CRM_WAREHOUSE_DSN_FILE": str(dsn), "CRM_WAREHOUSE_DSN": None})
    assert result.exit_code == 1
    assert "reporting's database can't be read" in result.output
    assert PASSWORD not in result.output


def test_files_need_an_address_and_a_duckdb_file_a_name_of_its_own(runner: CliRunner) -> None:
    dsn = {"CRM_WAREHOUSE_DSN": "postgresql://nobody@127.0.0.1:9/none"}
    result = runner.invoke(main, ["sync", "--destination", "filesystem"], env=dsn)
    assert (result.exit_code, "needs CRM_WAREHOUSE_BUCKET_URL" in result.output) == (2, True)
    result = runner.invoke(main, ["sync", "--dataset", "warehouse"], env=dsn)
    assert (result.exit_code, "can't tell" in result.output) == (2, True)


def test_reporting_s_own_command_has_it_where_it_is_installed(runner: CliRunner) -> None:
    assert [entry.name for entry in entry_points(group="crm_reporting.commands")] == ["warehouse"]
    result = runner.invoke(crm_reporting, ["warehouse", "--help"])
    assert result.exit_code == 0
    assert {"sync", "schema", "access"} <= set(result.output.split())
