"""Starts programs by forking a process that has loaded their modules: `crm_local.preloaded`, the supervisor's child.

What a service loads takes a second of CPU and 60 MB; sixteen programs have it once between them.
"""

import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Final, Protocol

from crm_local.package_folders import find_packages
from crm_local.preloaded import Request
from crm_shared.service_registry import SERVICES

ROOMS: Final = ("cli", "app", "worker")
# Loaded by the entry points and not by the rooms: a process that loads its own side alone imports them when it runs.
OF_ENTRY_POINTS: Final = (
    "uvloop",
    "crm_shared.bus.process",
    "crm_shared.bus.worker",
    "crm_shared.cluster_watch",
    "crm_shared.http.direct",
    "crm_shared.http.server",
    "crm_shared.outbox.cleaner",
    "crm_shared.outbox.relay",
    "crm_shared.telemetry.health",
)
OF_MIGRATIONS: Final = ("crm_shared.bus.topics", "crm_shared.database.migrations")
KILLED: Final = -9
"""What is said of a process whose end nobody has seen."""
LONGEST_ANSWER_BYTES: Final = 32
OFF: Final = "CRM_LOCAL_PRELOAD"


class Started(Protocol):
    """A process that was started. `poll` returns its exit status once it has ended: minus the signal of one killed."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...


class StartProgram(Protocol):
    def __call__(self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Started: ...


def start_separately(command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Started:
    """Start `command` as a new process, in a process group of its own. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - the plan's own command
        list(command), env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def can_preload(environment: Mapping[str, str]) -> bool:
    """Return whether programs may be forked: on Linux (macOS's libraries don't bear it), unless turned off."""
    return sys.platform == "linux" and environment.get(OFF, "yes") != "no"


def list_modules(*, with_migrations: bool) -> list[str]:
    """List what the programs of a suite load."""
    rooms = [f"crm_{service}.{room}" for service in SERVICES for room in ROOMS]
    return [*rooms, *OF_ENTRY_POINTS, *(OF_MIGRATIONS if with_migrations else ())]


class Forked:
    """A program's process, which is a child of the preloaded one."""

    def __init__(self, answers: socket.socket) -> None:
        self._answers = answers
        first, descriptors, _, _ = socket.recv_fds(answers, LONGEST_ANSWER_BYTES, 1)
        if not first:
            raise ChildProcessError("the process that programs are forked from has ended, see its log: supervisor.log")
        self.pid = int(first)
        (self._process,) = descriptors
        self._status: int | None = None
        self._looking = threading.Lock()  # the supervisor's loop asks, and the threads in which it waits

    def poll(self) -> int | None:
        with self._looking:
            if self._status is None and select.select([self._process], [], [], 0)[0]:
                self._status = int(self._answers.recv(LONGEST_ANSWER_BYTES) or KILLED)
                self._answers.close()
                os.close(self._process)
            return self._status


class Preloader:
    """Keeps a process that has loaded `modules`, and has it fork programs; the first start waits for the loading.

    Where their code has changed since, the next program is forked from another one, so that a restart takes it up.
    `close` lets it end with the last of those it has forked.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._starting = threading.Lock()
        self._newest: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []  # the newest, and those of before whose programs still run
        self._control: socket.socket | None = None
        self._loaded_at_s = 0.0

    def begin(self) -> None:
        """Have it load beside what the caller does next."""
        with self._starting:
            self._keep_running()

    def start(self, command: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> Started:
        """Start `command`, which is `python -m <module> <arguments>…`. Raises OSError."""
        python, dash_m, module, *arguments = command
        if (python, dash_m) != (sys.executable, "-m"):
            raise ValueError(f"not a module of this Python: {' '.join(command)}")
        request = Request(module=module, arguments=arguments, environment=dict(environment))
        ours, theirs = socket.socketpair()
        with theirs, self._starting:
            socket.send_fds(self._keep_running(), [b"+"], [theirs.fileno(), log.fileno()])
        ours.sendall(json.dumps(request).encode() + b"\n")
        return Forked(ours)

    def close(self, timeout_s: float = 5) -> None:
        """Ask no more of it; wait for its end so long, and leave it if it has programs still."""
        with self._starting:
            if self._control is not None:
                self._control.close()
                self._control = None
            for process in self._processes:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout_s)

    def _keep_running(self) -> socket.socket:
        self._processes = [process for process in self._processes if process.poll() is None]
        if self._control is not None:
            if self._processes[-1:] == [self._newest] and not self._has_changed():
                return self._control
            self._control.close()
        self._loaded_at_s = time.time()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._newest = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "crm_local.preloaded", *self._modules],
                stdin=theirs.fileno(),
                # The mark that every process of the suite carries stands where a title would be written over it.
                env={**os.environ, "SPT_NOENV": "1"},
            )
        self._processes.append(self._newest)
        return self._control

    def _has_changed(self) -> bool:
        """Return whether code has been written since it was loaded."""
        packages = {module.partition(".")[0] for module in self._modules}
        files = (file for folder in find_packages(*packages) for file in folder.rglob("*.py"))
        return any(file.stat().st_mtime > self._loaded_at_s for file in files)
