"""The runner as its user meets it: up, up again, a crash, a killed supervisor, Ctrl-C, down. Services are stand-ins."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crm_local.plan import SERVICES
from crm_local.testing.running import find_port_base

pytestmark = pytest.mark.engines
STAND_IN = Path(__file__).parent / "stand_ins" / "stand_in.py"


def make_stand_ins(folder: Path) -> Path:
    """Lay out packages named like the services' that hide the real ones."""
    for service in SERVICES:
        package = folder / f"crm_{service}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "cli.py").write_text(f"from stand_in import main\n\nmain({service!r})\n")
    shutil.copy(STAND_IN, folder)
    return folder


class Crm:
    """The `crm` command on a home of its own."""

    def __init__(self, home: Path) -> None:
        # A range that nothing of this run listens on: the suite's offsets go up to 96.
        base = find_port_base()
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CRM_")},
            "CRM_HOME": str(home),
            "CRM_PORT_BASE": str(base),
            "PYTHONPATH": str(make_stand_ins(home.parent / "stand-ins")),
        }

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "crm_local.cli", *arguments]
        return subprocess.Popen(  # noqa: S603
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        process = self.begin(*arguments)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return output

    def process(self, name: str) -> dict[str, Any]:
        processes: list[dict[str, Any]] = json.loads(self.run("ps", "--json"))
        return next(process for process in processes if process["name"] == name)

    def left_running(self) -> list[int]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CRM_LOCAL_HOME") == str(self.home):
                    found.append(process.pid)
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
        return found


@pytest.fixture
def crm(engine_home: Path) -> Iterator[Crm]:
    crm = Crm(engine_home / "crm")
    yield crm
    crm.run("down")
    assert crm.left_running() == []


def test_the_life_of_a_suite(crm: Crm) -> None:
    assert "everything is up" in crm.run("up", "--no-demo")
    assert "already running" in crm.run("up", "--no-demo")

    first = crm.process("deals-api")
    os.kill(first["pid"], signal.SIGKILL)
    _wait(lambda: crm.process("deals-api")["state"] == "running" and crm.process("deals-api")["pid"] != first["pid"])
    assert "1 restarts, last killed by signal 9" in crm.run("status")

    worker = crm.process("deals-worker")
    crm.run("restart", "deals-worker")
    assert crm.process("deals-worker")["pid"] != worker["pid"]
    crm.run("restart", "no-such-process", status=1)

    made = json.loads(crm.run("tenant", "create", "--name", "Acme", "--admin-email", "ada@acme.example"))
    assert "migrated deals at postgresql://deals_owner:" in crm.run("run", "deals", "migrate")
    assert "has no command" in crm.run("run", "deals", "no-such-command", status=1)
    assert crm.run("token", "--tenant", made["tenant_id"], "--user", made["admin_id"]).count(".") == 2

    beside = Crm(crm.home.parent / "beside")
    beside.environment["CRM_PORT_BASE"] = crm.environment["CRM_PORT_BASE"]
    refused = beside.run("up", "--no-demo", status=1)
    assert "(for deals-api) is taken by " in refused
    assert "CRM_PORT_BASE=" in refused

    os.kill(int((crm.home / "run" / "supervisor.lock").read_text()), signal.SIGKILL)
    assert crm.process("deals-api")["state"] == "stopped"
    again = crm.run("up", "--no-demo")
    assert "that an earlier start left behind" in again
    assert "everything is up" in again


def test_ctrl_c_on_the_way_up_leaves_nothing_running(crm: Crm) -> None:
    # A shell's background job ignores SIGINT, and so would what it starts; with a handler here the child gets its own.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    up = crm.begin("up", "--no-demo")
    _wait(lambda: len(crm.left_running()) > 1)
    up.send_signal(signal.SIGINT)
    output, _ = up.communicate()
    assert up.returncode == 130, output
    assert crm.left_running() == []


def _wait(happened: Callable[[], bool], timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
