"""Starts, follows and ends the supervisor of a home, from outside it. What a killed one left behind is ended first."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil

from crm_local.engines.ports import is_free, listener_of
from crm_local.home import Home
from crm_local.plan import HOME_MARK, Plan

POLL_S = 0.1
SUPERVISOR_APPEARS_WITHIN_S = 15.0
ENDS_WITHIN_S = 60.0
LEFTOVERS_END_WITHIN_S = 15.0
RESTARTS_WITHIN_S = 60.0
# A whole service's processes at once, on a machine that may be busy: to give up early leaves a restore half done.
CHANGES_WITHIN_S = 300.0
# A process that died so often on the way up will not come right by waiting.
HOPELESS_RESTARTS = 4
# Nor will one that ran before, once it was started so often in vain.
HOPELESS_DEATHS = 3
ENDING = ("failed", "stopping", "stopped")


class SuiteFailed(Exception):
    """The suite did not come up. The message says why and where to look."""


@dataclass(frozen=True, slots=True)
class BusyPort:
    port: int
    wanted_by: str
    held_by: str | None

    def __str__(self) -> str:
        return f"port {self.port} (for {self.wanted_by}) is taken by {self.held_by or 'another process'}"


def supervisor_pid(home: Home) -> int | None:
    """Return the pid of the living supervisor. Its lock tells, which the system takes from it however it ends."""
    if not home.lock_file.exists():
        return None
    with home.lock_file.open("r") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read().strip()
            return int(text) if text else None
    return None


def start_supervisor(home: Home) -> None:
    """Start a supervisor that outlives us. Raises SuiteFailed when it does not appear."""
    home.state_file.unlink(missing_ok=True)
    with (home.logs / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "crm_local.supervisor"],
            env={**os.environ, "CRM_HOME": str(home.path), HOME_MARK: str(home.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + SUPERVISOR_APPEARS_WITHIN_S
    while home.read_state() is None:
        if process.poll() is not None and supervisor_pid(home) is None:
            raise SuiteFailed(f"the supervisor ended at once, see {home.logs / 'supervisor.log'}")
        if time.monotonic() > deadline:
            raise SuiteFailed(f"the supervisor gave no sign of life, see {home.logs / 'supervisor.log'}")
        time.sleep(POLL_S)


def stop_supervisor(home: Home) -> bool:
    """End the suite, politely first. Tells whether there was one. What is left of it afterwards is killed."""
    pid = supervisor_pid(home)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + ENDS_WITHIN_S
        while supervisor_pid(home) is not None and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if supervisor_pid(home) is not None:
            _signal(pid, signal.SIGKILL)
    return bool(end_leftovers(home)) or pid is not None


def end_leftovers(home: Home) -> list[int]:
    """End every process of this home that no supervisor looks after; gives their pids."""
    found = list(_marked_processes(home))
    for process in found:
        # Not SIGTERM: PostgreSQL would wait for its clients; SIGINT ends it fast and the Java engines as well.
        _signal(process.pid, signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _, alive = psutil.wait_procs(found, timeout=LEFTOVERS_END_WITHIN_S)
    for process in alive:
        _signal(process.pid, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)
    return [process.pid for process in found]


def busy_ports(plan: Plan) -> list[BusyPort]:
    """List the suite's ports that somebody else listens on."""
    return [BusyPort(port, name, listener_of(port)) for port, name in plan.ports().items() if not is_free(port)]


def is_ending(home: Home) -> bool:
    """Return whether its supervisor lives, and is about to stop everything."""
    return supervisor_pid(home) is not None and (home.read_state() or {}).get("phase") in ENDING


def follow(home: Home, report: Callable[[str, float], None], timeout_s: float, known: Collection[str] = ()) -> None:
    """Report each process as it gets ready, with the seconds since the start, until all are.

    Those in `known` are not news; the others may have been ready before, and run no more. Raises SuiteFailed.
    """
    deadline = time.monotonic() + timeout_s
    reported = set(known)
    # At a first start each death counts, whenever it was; of a suite that ran, those since it was asked to start again.
    before = _noted_processes(home.read_state()) if known else []
    deaths = {process["name"]: process["restarts"] for process in before}
    while True:
        state = home.read_state()
        if state is not None:
            for process in state["processes"]:
                if process["state"] == "running" and process["name"] not in reported:
                    reported.add(process["name"])
                    report(process["name"], process["ready_after_s"])
            if state["phase"] == "ready" and all(one["state"] in ("running", "held") for one in state["processes"]):
                return
            _refuse_hopeless(home, state, deaths)
        if supervisor_pid(home) is None:
            raise SuiteFailed(f"the supervisor ended, see {home.logs / 'supervisor.log'}")
        if time.monotonic() > deadline:
            late = [one["name"] for one in _noted_processes(state) if one["state"] != "running"]
            raise SuiteFailed(f"not ready after {timeout_s:.0f} s: {', '.join(sorted(late))}")
        time.sleep(POLL_S)


def ask_to_restart(home: Home, names: Iterable[str]) -> None:
    """Have the supervisor start `names` now, without the pause that follows a death; returns at once."""
    for name in names:
        (home.restart_requests / name).touch()


def restart_process(home: Home, name: str) -> None:
    """Have the supervisor restart `name`, and wait until it is ready again. Raises SuiteFailed."""
    before = _process_of(home, name)
    ask_to_restart(home, [name])
    deadline = time.monotonic() + RESTARTS_WITHIN_S
    while True:
        now = _process_of(home, name)
        if now["state"] == "running" and (now["pid"], now["created_at_s"]) != (before["pid"], before["created_at_s"]):
            return
        is_hopeless = now.get("restarts", 0) - before["restarts"] >= HOPELESS_DEATHS
        if is_hopeless or supervisor_pid(home) is None or time.monotonic() > deadline:
            raise SuiteFailed(f"{name} is {now['state']} ({now.get('last_end')}): crm logs {name}")
        time.sleep(POLL_S)


def hold(home: Home, names: Collection[str]) -> None:
    """Have the supervisor stop `names` and keep them so, over its own restarts too. Raises SuiteFailed."""
    home.holds.mkdir(exist_ok=True)
    for name in names:
        (home.holds / name).touch()
    _wait_for_state(home, names, "held")


def release(home: Home, names: Collection[str]) -> None:
    """Let `names` run again; returns at once. Follow with `wait_running`."""
    for name in names:
        (home.holds / name).unlink(missing_ok=True)


def wait_running(home: Home, names: Collection[str]) -> None:
    """Wait until `names` are ready. Raises SuiteFailed."""
    _wait_for_state(home, names, "running")


def _wait_for_state(home: Home, names: Collection[str], state: str) -> None:
    deadline = time.monotonic() + CHANGES_WITHIN_S
    while late := [one for one in list_processes(home) if one["name"] in names and one["state"] != state]:
        if supervisor_pid(home) is None:
            raise SuiteFailed(f"the supervisor ended, see {home.logs / 'supervisor.log'}")
        if time.monotonic() > deadline:
            states = ", ".join(f"{one['name']} is {one['state']}" for one in late)
            raise SuiteFailed(f"not {state} after {CHANGES_WITHIN_S:.0f} s: {states}: crm logs {late[0]['name']}")
        time.sleep(POLL_S)


def list_processes(home: Home) -> list[dict[str, Any]]:
    """List every process with its state now. Where no supervisor lives, what it left behind runs still."""
    state = home.read_state()
    if state is not None and supervisor_pid(home) is not None:
        processes: list[dict[str, Any]] = state["processes"]
        return processes
    left = {one["name"]: one for one in _noted_processes(state) if _still_runs(one)}
    plan = Plan(home, home.port_base())
    names: list[tuple[str, str | None, str, int]] = [
        (engine.name, None, "engine", engine.port) for engine in plan.engines
    ]
    names += [(program.name, program.service, program.role, program.port) for program in plan.programs()]
    return [
        left.get(name)
        or {"name": name, "service": service, "role": role, "pid": None, "port": port, "state": "stopped"}
        for name, service, role, port in names
    ]


def _noted_processes(state: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what a supervisor has noted of its processes; none where it has noted nothing yet."""
    processes: list[dict[str, Any]] = [] if state is None else state["processes"]
    return processes


def _still_runs(process: dict[str, Any]) -> bool:
    """Return whether a process of a former supervisor lives: by its pid, unless that is another's by now."""
    try:
        return process["pid"] is not None and psutil.Process(process["pid"]).create_time() == process["created_at_s"]
    except psutil.NoSuchProcess:
        return False


def _process_of(home: Home, name: str) -> dict[str, Any]:
    return next(process for process in list_processes(home) if process["name"] == name)


def _refuse_hopeless(home: Home, state: dict[str, Any], deaths: dict[str, int]) -> None:
    if state["phase"] in ENDING:
        raise SuiteFailed(state["message"] or f"it is {state['phase']}")
    for process in state["processes"]:
        name = process["name"]
        new_deaths = process["restarts"] - deaths.get(name, 0)
        limit = HOPELESS_RESTARTS if process["ready_after_s"] is None else HOPELESS_DEATHS
        if process["state"] != "running" and new_deaths >= limit:
            plan = Plan(home, home.port_base())
            # Found free before the start, and taken since: as by another suite that was started at the same time.
            taken = "".join(f": {busy}" for busy in busy_ports(plan) if busy.wanted_by == name)
            raise SuiteFailed(f"{name} keeps dying ({process['last_end']}){taken}, see {plan.log_file(name)}")


def _marked_processes(home: Home) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            # This very command may carry the mark, when it was started by one of the suite's processes.
            if process.environ().get(HOME_MARK) == str(home.path) and process.pid != os.getpid():
                yield process
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            continue


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
