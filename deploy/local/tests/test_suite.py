"""The runner as its user meets it: up, up again, a crash, a killed supervisor, Ctrl-C, down. Services are stand-ins."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from crm_local import suite
from crm_local.home import Home
from crm_local.plan import Plan
from crm_shared.service_registry import SERVICES
from crm_testing.suite.running import find_port_base

pytestmark = [pytest.mark.engines, pytest.mark.slow]
STAND_IN = Path(__file__).parent / "stand_ins" / "stand_in.py"


def make_stand_ins(folder: Path) -> Path:
    """Lay out packages named like the services' that hide the real ones."""
    for service in SERVICES:
        package = folder / f"crm_{service}"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "cli.py").write_text(
            f"from stand_in import main\n\nif __name__ == '__main__':\n    main({service!r})\n"
        )
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

    def begin(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "crm_local.cli", *arguments]
        return subprocess.Popen(  # noqa: S603
            command, env=self.environment | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments: str, status: int = 0, **environment: str) -> str:
        process = self.begin(*arguments, **environment)
        output, _ = process.communicate()
        assert process.returncode == status, output
        return output

    def process(self, name: str) -> dict[str, Any]:
        """Look as `crm ps --json` does, without a process of its own for each look."""
        return next(process for process in suite.list_processes(Home(self.home)) if process["name"] == name)

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


def require_runs_as_it_was_started(crm: Crm) -> None:
    assert "already running" in crm.run("up", "--no-demo")
    assert "it runs with a replica" in crm.run("up", "--no-demo", "--no-replica", status=1)
    assert "it runs with Debezium" in crm.run("up", "--no-demo", "--no-cdc", status=1)
    base = crm.environment["CRM_PORT_BASE"]
    assert f"it runs on ports from {base}" in crm.run("up", "--no-demo", status=1, CRM_PORT_BASE=str(int(base) + 100))


def test_the_life_of_a_suite(crm: Crm) -> None:
    assert "everything is up" in crm.run("up", "--no-demo", "--replica", "--cdc")
    require_runs_as_it_was_started(crm)
    streams = r"^connect +running .* contacts running, \d+ \w+ of log kept; deals running, \d+ \w+ of log kept; act"
    assert re.search(streams, crm.run("status"), re.MULTILINE)
    assert re.search(r"^postgres-replica +running .* \d+ bytes behind", crm.run("status"), re.MULTILINE)

    first = crm.process("deals-api")
    assert first["pid"] in {process["pid"] for process in json.loads(crm.run("ps", "--json"))}
    os.kill(first["pid"], signal.SIGKILL)
    _wait(lambda: crm.process("deals-api")["state"] == "running" and crm.process("deals-api")["pid"] != first["pid"])
    assert "1 restarts, last killed by signal 9" in crm.run("status")

    replica = crm.process("postgres-replica")
    os.kill(replica["pid"], signal.SIGKILL)
    _wait(lambda: crm.process("postgres-replica")["pid"] not in {None, replica["pid"]})

    worker = crm.process("deals-worker")
    crm.run("restart", "deals-worker")
    assert crm.process("deals-worker")["pid"] != worker["pid"]
    crm.run("restart", "no-such-process", status=1)
    _require_says_what_keeps_dying(crm)

    made = json.loads(crm.run("tenant", "create", "--name", "Acme", "--admin-email", "ada@acme.example"))
    assert "migrated deals at postgresql://deals_owner:" in crm.run("run", "deals", "migrate")
    assert "has no command" in crm.run("run", "deals", "no-such-command", status=1)
    assert crm.run("token", "--tenant", made["tenant_id"], "--user", made["admin_id"]).count(".") == 2

    plan = Plan(Home(crm.home), int(crm.environment["CRM_PORT_BASE"]))
    _restore_deals(crm, plan)

    beside = Crm(crm.home.parent / "beside")
    beside.environment["CRM_PORT_BASE"] = crm.environment["CRM_PORT_BASE"]
    refused = beside.run("up", "--no-demo", status=1)
    assert "(for deals-api) is taken by " in refused
    assert "CRM_PORT_BASE=" in refused

    _require_a_start_after_a_killed_supervisor(crm)
    assert crm.process("postgres-replica")["state"] == crm.process("connect")["state"] == "running"

    # A standby that somebody promoted keeps telling how far it had come.
    assert plan.replica is not None
    with psycopg.connect(plan.replica.admin_dsn) as standby:
        standby.execute("SELECT pg_promote()")
    assert "follows nobody" in crm.run("status")

    crm.run("down")
    assert "everything is up" in crm.run("up", "--no-demo", "--no-replica", "--no-cdc")
    assert "connect" not in crm.run("ps")
    _wait(lambda: _count_slots(plan) == 0)


def _require_a_start_after_a_killed_supervisor(crm: Crm) -> None:
    """Kill it: what it left is shown as it is, and ended by the next start."""
    os.kill(int((crm.home / "run" / "supervisor.lock").read_text()), signal.SIGKILL)
    _wait(lambda: suite.supervisor_pid(Home(crm.home)) is None)
    assert crm.process("deals-api")["state"] == "running"
    assert "nobody looks after these: crm up starts anew" in crm.run("status")
    assert "crm up" in crm.run("restart", "deals-api", status=1)
    again = crm.run("up", "--no-demo")
    assert "that an earlier start left behind" in again
    assert "everything is up" in again


def _require_says_what_keeps_dying(crm: Crm) -> None:
    """Break a program that was ready once: it is neither up nor waited for, until it is mended."""
    code = Path(crm.environment["PYTHONPATH"]) / "crm_deals" / "cli.py"
    working = code.read_text()
    code.write_text("def broken(:")
    refused = crm.run("restart", "deals-worker", status=1)
    assert "crm logs deals-worker" in refused
    assert "SyntaxError" in crm.run("logs", "deals-worker")
    refused = crm.run("up", "--no-demo", status=1)
    assert "deals-worker keeps dying (ended with status 1)" in refused
    assert "The rest is left running" in refused
    code.write_text(working)
    assert re.search(r"deals-worker +ready", crm.run("up", "--no-demo"))


def _restore_deals(crm: Crm, plan: Plan) -> None:
    """Lose what was written after a moment; be interrupted once the databases are swapped, and go on."""
    live = plan.postgres.admin_dsn.rpartition("/")[0] + "/crm_deals"
    _ask(live, "CREATE TABLE notes AS SELECT 'backed up' AS text")
    assert "verified" in crm.run("backup")
    _ask(live, "INSERT INTO notes VALUES ('before')")
    moment = _ask(live, "SELECT clock_timestamp()")[0][0].isoformat()
    _ask(live, "INSERT INTO notes VALUES ('after')")

    asked = ("restore", "--service", "deals", "--to-time", moment)
    assert "--yes" in crm.run(*asked, status=2)
    assert "in the future" in crm.run(*asked[:-1], "2100-01-01T00:00:00Z", "--yes", status=2)
    assert "the earliest moment is 20" in crm.run(*asked[:-1], "2020-01-01T00:00:00Z", "--yes", status=2)
    assert "no service orders" in crm.run("restore", "--service", "orders", "--yes", status=2)
    assert "no restore was interrupted" in crm.run("restore", "--abandon", status=2)

    (crm.home / "fails-once").touch()
    assert "It waits half done" in crm.run(*asked, "--yes", status=1)
    assert [crm.process(f"deals-{role}")["state"] for role in ("api", "worker")] == ["held", "held"]
    assert "the restore of deals to" in crm.run("restore", "--service", "contacts", "--yes", status=2)
    assert "stand at the earlier moment already" in crm.run("restore", "--abandon", status=2)
    printed = crm.run("restore")
    assert f"deals restored --to {moment}" in printed
    assert "RTO " in printed

    assert {text for (text,) in _ask(live, "SELECT text FROM notes")} == {"backed up", "before"}
    kept = re.findall(r"crm_deals_replaced_\w+", crm.run("backup", "list"))[0]
    assert _ask(live.replace("/crm_deals", f"/{kept}"), "SELECT count(*) FROM notes") == [(3,)]
    assert "is gone" in crm.run("restore", "--drop", kept)
    assert "no restore has replaced" in crm.run("restore", "--drop", "crm_contacts", status=2)
    for name in ("deals-api", "deals-worker", "deals-relay", "connect", "contacts-api"):
        assert crm.process(name)["state"] == "running"


def _ask(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _count_slots(plan: Plan) -> int:
    with psycopg.connect(plan.postgres.admin_dsn) as primary:
        row = primary.execute("SELECT count(*) FROM pg_replication_slots").fetchone()
        return 0 if row is None else int(row[0])


def test_ctrl_c_on_the_way_up_leaves_nothing_running(crm: Crm) -> None:
    # A shell's background job ignores SIGINT, and so would what it starts; with a handler here the child gets its own.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    up = crm.begin("up", "--no-demo")
    _wait(lambda: len(crm.left_running()) > 1)
    up.send_signal(signal.SIGINT)
    assert up.stdout is not None
    assert any(line == "stopping\n" for line in up.stdout)
    up.send_signal(signal.SIGINT)  # uv hands it on, which the terminal has given to all
    output, _ = up.communicate()
    assert up.returncode == 130, output
    assert crm.left_running() == []


def _wait(happened: Callable[[], bool], timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
