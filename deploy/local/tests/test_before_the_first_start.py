"""The `crm` command in a home where nothing was started yet, and the wrapper that runs it from any folder."""

import json
import os
import subprocess
from pathlib import Path

import pytest

CRM = Path(__file__).parents[3] / "crm"


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `./crm` as a user would who stands in another folder."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return subprocess.run(  # noqa: S603 - our own command
        [CRM, *arguments],
        cwd=home.parent,
        env=environment | {"CRM_HOME": str(home), "CRM_PORT_BASE": "9000"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_process_is_listed_as_stopped(tmp_path: Path) -> None:
    listed = run(tmp_path / "home", "ps", "--json")

    assert listed.returncode == 0, listed.stderr
    assert {process["state"] for process in json.loads(listed.stdout)} == {"stopped"}
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", [["env"], ["tenant", "create", "--name", "A", "--admin-email", "a@a.example"]])
def test_what_needs_a_suite_says_how_to_start_one(tmp_path: Path, command: list[str]) -> None:
    refused = run(tmp_path / "home", *command)

    assert refused.returncode == 1
    assert "make up" in refused.stderr
    assert refused.stdout == ""
    assert not (tmp_path / "home").exists()
