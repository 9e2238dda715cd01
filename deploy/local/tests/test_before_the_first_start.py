"""The `crm` command in a home where nothing was started yet, and the wrapper that runs it from any folder."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

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


def begin(home: Path, *arguments: str, **pipes: Any) -> subprocess.Popen[str]:
    """Start the command itself, without the wrapper that finds uv first."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRM_")}
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", "from crm_local.start import main; main()", *arguments],
        env=environment | {"CRM_HOME": str(home), "CRM_PORT_BASE": "9000"},
        stderr=subprocess.PIPE,
        text=True,
        **pipes,
    )


def test_output_that_has_nowhere_to_go_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = begin(tmp_path / "home", "ps", stdout=full)
    _, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (1, "crm: [Errno 28] No space left on device\n")


def test_an_interrupt_while_it_loads_ends_it_without_a_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # In the place of what it loads first stands what says so, and takes long.
    loads = tmp_path / "loads"
    (tmp_path / "typer.py").write_text(f"open({str(loads)!r}, 'w')\nimport time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    process = begin(tmp_path / "home", "ps", stdout=subprocess.DEVNULL)
    while not loads.exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (-signal.SIGINT, "")


def test_an_interrupt_that_is_ignored_stays_so(tmp_path: Path) -> None:
    """As of `crm` in a shell's background, whose foreground is interrupted."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = begin(tmp_path / "home", "ps", stdout=subprocess.DEVNULL)
    finally:
        signal.signal(signal.SIGINT, before)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, complaint = process.communicate(timeout=120)
    assert (process.returncode, complaint) == (0, "")
