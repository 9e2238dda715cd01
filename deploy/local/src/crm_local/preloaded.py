"""Loads the modules named as its arguments, then forks a process for each program that its parent asks for.

`python -m crm_local.preloaded <module>…` with a socket as its standard input, on which each message brings two file
descriptors: a socket, on which the program's `Request` follows and its pid and later its exit status are answered, and
the file of its output. Once its parent has closed its end, it stays until the last of those it forked has ended.
"""

import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import sys
from contextlib import suppress
from typing import NoReturn, TypedDict

from setproctitle import setproctitle

DESCRIPTORS = 2
# Elasticsearch's client loads them where they are installed, for arrays that no service has: 60 MB, and threads, of
# which a fork leaves nothing but their locks.
NEVER_LOADED = ("numpy", "pyarrow")


class Request(TypedDict):
    """A program: what `python -m <module> <arguments>…` would run, in this environment."""

    module: str
    arguments: list[str]
    environment: dict[str, str]


def load(modules: list[str]) -> None:
    """Load `modules`. One that can't be loaded is left to the program that needs it, which says so in its own log."""
    for name in NEVER_LOADED:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to make an import fail
    gc.disable()  # nothing of it is garbage; and frozen, a collection in a child does not write to shared pages
    for module in modules:
        with suppress(Exception):
            importlib.import_module(module)
    gc.freeze()
    gc.enable()


class Forking:
    """Forks at each message on `control`, and tells of each end."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Come back when `control` is closed and what was forked has ended."""
        self._selector.register(self._control, selectors.EVENT_READ)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                if key.fileobj is not self._control:
                    self._report_end(key.fd, *key.data)
                    continue
                asked, descriptors, _, _ = socket.recv_fds(self._control, 1, DESCRIPTORS)
                if asked:
                    self._start(*descriptors)
                else:
                    self._selector.unregister(self._control)

    def _start(self, answers_fd: int, log_fd: int) -> None:
        answers = socket.socket(fileno=answers_fd)
        with answers.makefile("r") as lines:
            request: Request = json.loads(lines.readline())
        pid = os.fork()
        if pid == 0:
            self._leave(answers, log_fd)
            run_module(request)
        os.close(log_fd)
        # A descriptor of the process as well: its pid may be another's by the time it is read.
        process = os.pidfd_open(pid)
        self._selector.register(process, selectors.EVENT_READ, (pid, answers))
        with suppress(OSError):  # who asked has ended
            socket.send_fds(answers, [f"{pid}\n".encode()], [process])

    def _leave(self, answers: socket.socket, log_fd: int) -> None:
        """Let go, in the child, of all that is the parent's."""
        os.setsid()
        for number, descriptor in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log_fd), (2, log_fd)):
            os.dup2(descriptor, number)
        self._selector.close()
        answers.detach()
        self._control.detach()
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))

    def _report_end(self, process: int, pid: int, answers: socket.socket) -> None:
        self._selector.unregister(process)
        os.close(process)
        _, status = os.waitpid(pid, 0)
        with answers, suppress(OSError):
            answers.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def run_module(request: Request) -> NoReturn:
    """Run a program as `python -m` does, to the end of the process: whatever it raises ends it as it would there."""
    os.environ.clear()
    os.environ.update(request["environment"])
    setproctitle(" ".join([request["module"], *request["arguments"]]))
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    # Once before the environment is another: that is where it looks for the place of the title.
    setproctitle("crm_local.preloaded")
    load(sys.argv[1:])
    Forking(socket.socket(fileno=os.dup(0))).run()
