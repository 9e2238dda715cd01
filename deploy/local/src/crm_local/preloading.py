"""Starts programs by forking a process that has loaded their modules: `crm_local.preloaded`, the supervisor's child.

What a service loads takes a second of CPU and 60 MB, most of it other packages: thirteen programs have these once
between them.
"""

import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, Final, Protocol

from crm_local.preloaded import Request

# Of other packages alone. A module of ours that is loaded shows its metrics, in every process, and is not read again
# when it has changed. A test holds that programs load few more.
MODULES: Final = (
    "aiokafka",
    "anyascii",
    "asyncpg",
    "dateutil.rrule",
    "dateutil.tz",
    "elasticsearch",
    "fastapi",
    "fastapi.openapi.docs",
    "fastapi_offline",
    "faststream.kafka",
    "httpcore",
    "httptools",
    "httpx",
    "iso4217",
    "jellyfish",
    "jwt",
    "nicknames",
    "opentelemetry.trace.propagation.tracecontext",
    "phonenumbers",
    "prometheus_client.openmetrics.exposition",
    "prometheus_client.parser",
    "purgatory",
    "pydantic",
    "pydantic.v1",
    "pydantic_settings",
    "rapidfuzz",
    "structlog",
    "tenacity",
    "typer",
    "uuid_utils.compat",
    "uvicorn.lifespan.on",
    "uvicorn.middleware.proxy_headers",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
OF_MIGRATIONS: Final = ("alembic.autogenerate", "alembic.command", "alembic.config")
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

    `close` lets it end with the last of those it has forked.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = modules
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

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
            if self._process is not None:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(timeout_s)

    def _keep_running(self) -> socket.socket:
        if self._control is not None:
            if self._process is not None and self._process.poll() is None:
                return self._control
            self._control.close()
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "crm_local.preloaded", *self._modules],
                stdin=theirs.fileno(),
                # The mark that every process of the suite carries stands where a title would be written over it.
                env={**os.environ, "SPT_NOENV": "1"},
            )
        return self._control
