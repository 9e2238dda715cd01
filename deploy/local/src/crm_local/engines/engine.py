"""What every engine has in common: a folder of data, a command, a way to ask whether it is ready, and an end."""

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import psutil

from crm_local.engines.account import engine_account

READY_POLL_S = 0.1
LOG_TAIL_LINES = 15


class EngineFailed(Exception):
    """An engine ended while starting, or was not ready in time. The message ends in the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run: argument list, the variables on top of a bare environment, and the folder to run in."""

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


class Engine(ABC):
    """One engine of one suite or test run. `home` is its own folder, made by `prepare`; it writes nowhere else."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, home: Path, port: int) -> None:
        # The engine runs in a folder of its own, where a relative path would mean another place.
        self.home = home.resolve()
        self.port = port
        # Variables that every process of it carries, by which its owner finds them again.
        self.marks: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Fetch the engine if need be and lay out `home`; does nothing where that was done before."""

    @abstractmethod
    def command(self) -> Command:
        """Return what starts the engine in the foreground, once prepared."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the engine whether it takes work now."""

    @property
    def log_file(self) -> Path:
        return self.home / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The process that serves, None when it isn't running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_status(self) -> int | None:
        """How it ended, negative for a signal; None while it runs, and before it was started."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> Self:
        """Prepare and start; returns at once. Follow with `wait_ready`."""
        self.prepare()
        with self.log_file.open("ab") as log:
            self._process = spawn(self.command(), log.fileno(), self.marks)
        return self

    def wait_ready(self, timeout_s: float = 400) -> Self:
        """Wait until it takes work. Raises EngineFailed when it ends instead or takes longer."""
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if self._process is not None and (status := self._process.poll()) is not None:
                raise EngineFailed(f"{self.name} ended with status {status} while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise EngineFailed(f"{self.name} was not ready after {timeout_s:.0f} s:\n{self.log_tail()}")
            time.sleep(READY_POLL_S)
        return self

    def run(self, command: Command) -> None:
        """Run a one-off such as initdb to its end, its output in the log. Raises EngineFailed when it fails."""
        with self.log_file.open("ab") as log:
            status = spawn(command, log.fileno()).wait()
        if status != 0:
            program = Path(command.arguments[0]).name
            raise EngineFailed(f"{self.name}: {program} ended with status {status}:\n{self.log_tail()}")

    def stop(self, timeout_s: float = 30) -> None:
        """Ask it to end, then end it; safe to call when it isn't running."""
        process, self._process = self._process, None
        if process is not None:
            end(process.pid, self.stop_signal, timeout_s)
            process.wait()

    def kill(self) -> None:
        """End it as a crash would, leaving whatever it was doing."""
        process, self._process = self._process, None
        if process is not None:
            end(process.pid, signal.SIGKILL, timeout_s=10)
            process.wait()

    def log_tail(self) -> str:
        """Return the last lines of its log, for an error's message."""
        if not self.log_file.exists():
            return "(no log)"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def spawn(command: Command, log: int, marks: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C in the terminal doesn't reach it.

    As root it runs as the engines' account. `log` is an open file descriptor for both its outputs.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(command.folder),
        **command.environment,
        **(marks or {}),
    }
    account = engine_account()
    return subprocess.Popen(  # noqa: S603 - the commands are built here, not read from anywhere
        list(command.arguments),
        cwd=command.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def end(pid: int, stop_signal: signal.Signals, timeout_s: float) -> None:
    """Send `stop_signal` to a process; what is left of it and its children after `timeout_s` is killed."""
    try:
        parent = psutil.Process(pid)
        processes = [parent, *parent.children(recursive=True)]
        parent.send_signal(stop_signal)
    except psutil.NoSuchProcess:
        return
    if stop_signal is not signal.SIGKILL:
        psutil.wait_procs(processes, timeout=timeout_s)
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=5)
